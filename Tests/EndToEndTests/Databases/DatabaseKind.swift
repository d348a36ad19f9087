import CairnTestServers
import Testing

/// The database servers that a store can live on.
enum DatabaseKind: String, CaseIterable, Sendable {
    case postgres
    case mariaDB

    /// Why some can't be run here; nil if all can.
    static let unavailableReason = PostgresServer.unavailableReason ?? MariaDBServer.unavailableReason
    static let areAvailable = unavailableReason == nil
    static let reason = Comment(rawValue: unavailableReason ?? "")

    /// An empty database on the server that tests share.
    func freshDatabase() async throws -> TestDatabase {
        switch self {
        case .postgres: try await SharedServer.postgres().freshDatabase()
        case .mariaDB: try await SharedServer.mariaDB().freshDatabase()
        }
    }

    /// Runs `body` with a server of its own, which it may kill.
    func withServer(_ body: (any SQLServer) async throws -> Void) async throws {
        switch self {
        case .postgres: try await PostgresServer.with { try await body($0) }
        case .mariaDB: try await MariaDBServer.with { try await body($0) }
        }
    }
}
