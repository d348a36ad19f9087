package import CairnModel
package import CairnSQL
package import Logging
internal import Synchronization

/// A home on MariaDB or MySQL.
///
///     mysql://cairn:secret@db1,db2/app
///
/// ``MySQLURL`` tells all of the URL. Of several servers the first that fits is used: for writing and for reading one
/// that isn't read only and, in a Galera cluster, knows what the others do.
package final class MySQLHome: ServerHome {
    package typealias Session = MySQLSession

    /// What the URL says.
    package let url: MySQLURL
    /// The options the home was opened with, and what the URL says of them.
    package let options: ServerOptions
    let names: Names
    let registrations = Registrations()
    /// Whether a connection that may write was ever had.
    private let wasWritable = Atomic<Bool>(false)

    /// The home that a URL names. Connects to nothing yet. Fails with ``CairnModel/StoreError/Code/invalidURL``.
    package init(_ url: String, options: ServerOptions = ServerOptions()) throws(StoreError) {
        self.url = try MySQLURL(url)
        var options = options
        if let readers = self.url.readers { options.readers = readers }
        self.options = options
        names = Names(prefix: self.url.prefix)
    }

    /// The home's name.
    package var name: String { "mysql" }
    /// The URL without its password.
    package var place: String { url.place }

    /// Opens a connection to the first server that fits the role.
    package func open(_ role: SessionRole) throws(StoreError) -> MySQLSession {
        MySQLSession(try connect(role), role, of: self)
    }

    /// Brings the tables to this program's version, and tells what their operator should know.
    package func prepare(_ session: MySQLSession) throws(StoreError) -> [String] {
        try Suitability.check(session.connection)
        try Migrations.run(on: session.connection, names)
        try Suitability.checkRights(session.connection, names)
        return Durability.warnings(session.connection.server)
    }

    /// Opens the socket where this replica hears of the others' batches.
    package func openChannel(_ logger: Logger) throws(StoreError) -> any AnnouncementChannel {
        let connection = try connect(.writing)
        defer { connection.close() }
        var token: [UInt8] = []
        try connection.run("SELECT token FROM \(names.schema) WHERE id = 1") { token = $1.bytes(0) }
        guard let token = ChannelToken(bytes: token) else {
            throw StoreError(.corrupted, "\(place): the table \(names.schema.text) is empty; restore a backup")
        }
        return try DatagramChannel(
            announce: url.announce, defaultHost: connection.localHost ?? "127.0.0.1", token: token, logger: logger)
    }

    private func connect(_ role: SessionRole) throws(StoreError) -> Connection {
        var failure: StoreError?
        // For stale reads: a primary, taken if no replica is there.
        var second: Connection?
        for host in url.hosts {
            let connection: Connection
            do throws(StoreError) {
                connection = try Connection(to: host, of: url)
                try settle(connection, role)
            } catch {
                // What says more than that a server is away is worth more to who reads it.
                if failure == nil || failure?.code == .unavailable { failure = error }
                continue
            }
            if role != .stale || connection.server.isReadOnly {
                second?.close()
                return connection
            }
            if second == nil { second = connection } else { connection.close() }
        }
        if let second { return second }
        throw failure ?? StoreError(.invalidURL, "\(place): the URL names no host")
    }

    /// Makes a connection ready for its role, or throws if the server doesn't fit.
    private func settle(_ connection: Connection, _ role: SessionRole) throws(StoreError) {
        do throws(StoreError) {
            var settings: [String: String] = [:]
            try connection.run(Statements.facts) { settings[$1.text(0).lowercased()] = $1.text(1) }
            connection.server = ServerFacts(settings)
            guard connection.server.isGaleraReady else {
                throw StoreError(
                    .unavailable,
                    """
                    \(connection.place): the node isn't synchronised with its cluster; try again, or name another node
                    """,
                    retry: .safe)
            }
            if role != .stale, connection.server.isReadOnly {
                // Once there was a primary, there will be one again: it has failed over, and this may take a moment.
                let isPassing = wasWritable.load(ordering: .relaxed)
                throw StoreError(
                    isPassing ? .unavailable : .readOnlyHome,
                    """
                    \(connection.place): the server is read only (read_only is on), so it is not the primary; name the \
                    primary, or several hosts with commas between them
                    """, retry: isPassing ? .safe : .never)
            }
            try connection.run(Statements.settings(for: connection.server, role))
            if role != .stale { wasWritable.store(true, ordering: .relaxed) }
        } catch {
            connection.close()
            throw error
        }
    }
}
