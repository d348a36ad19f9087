import CairnKeyspace
import CairnModel
import CairnPostgres
import CairnSQL
import CairnTestServers
import Foundation
import Synchronization
import Testing

/// A condition for tests that need a PostgreSQL server.
let hasPostgres = PostgresServer.unavailableReason == nil
/// Why they are skipped.
let postgresReason = Comment(rawValue: PostgresServer.unavailableReason ?? "")

/// A schema of the shared server, for one test.
struct TestHome {
    let server: PostgresServer
    let schema: String
    let url: String

    /// A schema that no other test has, on a server of its own or the one that tests share.
    init(on server: PostgresServer? = nil, parameters: String = "") async throws {
        let server = if let server { server } else { try await SharedServer.postgres() }
        self.server = server
        schema = "test_\(Numbers.next())"
        url = "\(server.url(database: "postgres"))?schema=\(schema)\(parameters)"
    }

    /// The home, for a store whose time the test drives.
    func home(parameters: String = "") throws(StoreError) -> PostgresHome {
        var options = ServerOptions()
        options.usesDatabaseClock = false
        return try PostgresHome(url + parameters, options: options)
    }

    /// An engine on the schema, with its tables made.
    func engine() async throws -> SessionEngine {
        let home = try home()
        return try await blocking { try SessionEngine(home) }
    }

    /// Runs statements through psql; `$` stands for the schema.
    @discardableResult
    func sql(_ statements: String) async throws -> String {
        try await server.sql(statements.replacing("$.", with: "\(schema)."))
    }
}

private enum Numbers {
    private static let last = Atomic<Int>(0)

    static func next() -> Int { last.add(1, ordering: .relaxed).newValue }
}

/// Runs what waits for a server on a thread of its own, so that it keeps no other test waiting.
@discardableResult
func blocking<Value: Sendable>(_ body: @Sendable () throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(OwnThread()) { try body() }
}

/// Runs each job on a new thread. Unlike a bare thread it leaves the job in its task, so that what a test expects is
/// noted as that test's.
private final class OwnThread: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }.start()
    }
}

/// The error that `body` throws.
func failure(_ body: () throws -> Void) -> StoreError? {
    do {
        try body()
        return nil
    } catch {
        return error as? StoreError
    }
}
