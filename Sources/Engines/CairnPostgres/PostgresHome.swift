package import CairnModel
package import CairnSQL
package import Logging
internal import Synchronization

/// The home on a PostgreSQL server: one schema of one database, shared by any number of processes.
///
/// Needs PostgreSQL 12 or newer. `docs/formats/postgres.md` describes the tables and the rights that a user needs.
package struct PostgresHome: ServerHome {
    /// `postgres`.
    package let name = "postgres"
    /// The URL without its password.
    package let place: String
    /// The options the home was opened with, and what the URL says of them.
    package let options: ServerOptions

    let url: PostgresURL
    let registrations = Registrations()
    let suspicion = PoolerSuspicion()

    /// The home at a URL such as `postgres://user:password@host:5432/database?schema=cairn`. Connects to nothing yet.
    ///
    /// libpq's parameters may be in it, and ours: `schema` (`cairn` unless it says otherwise), `pooled` (whether a
    /// pooler is in between; found out unless it says), `listen` (the server's own `HOST:PORT` when a pooler is), and
    /// `readers` (how many connections read). Fails with ``StoreError/Code/invalidURL``.
    package init(_ url: String, options: ServerOptions = ServerOptions()) throws(StoreError) {
        self.url = try PostgresURL(url)
        place = self.url.place
        var options = options
        if let readers = self.url.readers { options.readers = readers }
        self.options = options
    }

    package func open(_ role: SessionRole) throws(StoreError) -> PostgresSession {
        let connection = try Connection.open(url, for: role, suspicion: suspicion)
        do throws(StoreError) {
            return try PostgresSession(connection, for: role, of: self)
        } catch {
            connection.close()
            throw error
        }
    }

    package func prepare(_ session: PostgresSession) throws(StoreError) -> [String] {
        try Migrations.run(on: session.connection, names: session.names)
        return try Durability.warnings(on: session.connection)
    }

    package func openChannel(_ logger: Logger) throws(StoreError) -> any AnnouncementChannel {
        try NotificationChannel(url, name: Names(url.schema).channel, logger: logger)
    }
}

/// What the sessions of a home know of the replicas that joined through one of them: all that it takes to write a
/// replica's row anew after somebody has deleted it.
final class Registrations: Sendable {
    struct Registration {
        var id: String
        var address: String
    }

    private let registrations = Mutex<[Int64: Registration]>([:])

    func note(_ id: ReplicaID, address: String, as number: Int64) {
        registrations.withLock { $0[number] = Registration(id: id.text, address: address) }
    }

    func forget(_ number: Int64) { registrations.withLock { $0[number] = nil } }

    /// The registration with this number; an empty one if it wasn't made here.
    subscript(number: Int64) -> Registration {
        registrations.withLock { $0[number] ?? Registration(id: "", address: "") }
    }
}
