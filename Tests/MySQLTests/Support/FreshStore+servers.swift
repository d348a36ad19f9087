import CairnModel
import CairnSQL
import CairnTestServers

@testable import CairnMySQL

extension FreshStore {
    /// A writing session of a store on a server of the test's own; in an empty database, unless it is named.
    static func session(on server: MariaDBServer, database name: String? = nil) async throws -> MySQLSession {
        let database: String
        if let name { database = name } else { database = try await server.freshDatabase().name }
        let home = try MySQLHome(server.url(database: database))
        let session = try home.open(.writing)
        _ = try home.prepare(session)
        return session
    }
}

extension Connection {
    /// The database it leads to, which is the last part of its place.
    var database: String { place.split(separator: "/").last.map { String($0) } ?? "" }
}
