import CairnKeyspace
import CairnModel
import CairnMySQL
import CairnSQL
import CairnTestServers
import Testing

/// The MariaDB that the tests of this target share, and homes in databases of their own.
enum FreshStore {
    /// Why there is no server, for the reason of a skip.
    static let unavailable = MariaDBServer.unavailableReason

    /// An empty database.
    static func database() async throws -> TestDatabase { try await SharedServer.mariaDB().freshDatabase() }

    /// A home in an empty database.
    static func home(_ options: ServerOptions = ServerOptions()) async throws -> MySQLHome {
        try MySQLHome(await database().url, options: options)
    }

    /// A session of a home in an empty database, its tables made.
    static func session(_ options: ServerOptions = ServerOptions()) async throws -> MySQLSession {
        let home = try await home(options)
        let session = try home.open(.writing)
        _ = try home.prepare(session)
        return session
    }

    /// An engine over an empty database, whose time the test drives.
    static func engine() async throws -> ServerEngine<MySQLHome> {
        let options = drivenTime
        return try ServerEngine(await home(options), options: options)
    }

    /// Options of a store whose time the test drives.
    static var drivenTime: ServerOptions {
        var options = ServerOptions()
        options.usesDatabaseClock = false
        return options
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips, telling why, where no MariaDB can be run.
    static var needsMariaDB: Self {
        .enabled(if: FreshStore.unavailable == nil, "\(FreshStore.unavailable ?? "")")
    }
}
