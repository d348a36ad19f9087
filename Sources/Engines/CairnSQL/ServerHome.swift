package import CairnModel
package import Logging

/// A kind of database server that can be a home, and the place where one home is.
package protocol ServerHome: Sendable {
    associatedtype Session: ServerSession

    /// The home's name, such as `postgres`.
    var name: String { get }
    /// Where the home is, for messages: the URL without its password.
    var place: String { get }

    /// How the home is opened: the options it was made with, and what its URL says of them.
    var options: ServerOptions { get }

    /// Opens a connection and makes it ready for its role. Blocks.
    ///
    /// What it throws says what to change: a wrong password, a database or a schema that isn't there, and a right that
    /// is missing each have their own words, and `unavailable` means that waiting may help.
    func open(_ role: SessionRole) throws(StoreError) -> Session
    /// Brings the tables to the version of this program, under a lock that keeps other processes from doing the same,
    /// and looks at how the database is set. Returns what its operator should know, such as weaker durability.
    ///
    /// Called once, before anything else but ``open(_:)`` for the same session. Fails with
    /// ``CairnModel/StoreError/Code/formatTooNew`` if a newer program made the tables.
    func prepare(_ session: Session) throws(StoreError) -> [String]
    /// The channel over which replicas of this home hear of each other's batches. Blocks.
    func openChannel(_ logger: Logger) throws(StoreError) -> any AnnouncementChannel
}

/// What a connection is for.
package enum SessionRole: Sendable {
    /// Batches, upkeep and everything else that writes. Must reach the primary.
    case writing
    /// Reads that must see every acknowledged write. Must reach the primary.
    case reading
    /// Reads that may be stale, from a replica of the database. Makes and changes nothing.
    case stale
}

/// How a home on a database server is opened.
package struct ServerOptions: Sendable {
    /// How many connections read at the same time; at least one.
    package var readers = 4
    /// How long a batch or a read is tried anew while the database is away or busy, before its callers are told.
    package var patience = Duration.seconds(10)
    /// How often a replica says that it lives and looks how far the log has come.
    package var beatInterval = Duration.seconds(3)
    /// How much the cache of records may hold that spares batches from asking for what they know; 0 turns it off.
    package var recordCacheBytes = 64 << 20
    /// Whether deadlines are judged by the database's clock. Tests that drive the time say no.
    package var usesDatabaseClock = true
    /// Where to tell what goes on behind the scenes.
    package var logger = Logger(label: "cairn.home") { _ in SwiftLogNoOpLogHandler() }

    package init() {}
}
