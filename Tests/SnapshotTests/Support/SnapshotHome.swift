import CairnKeyspace
import CairnModel
import CairnPostgres
import CairnSQLite
import CairnSnapshots
import CairnTestServers
import Foundation
import Synchronization
import Testing

/// A kind of place, with the means to make one for a test.
struct SnapshotHome: Sendable, CustomTestStringConvertible {
    let name: String
    /// Opens one that is empty. A place opened a second time with the same key is the same.
    let open: @Sendable (_ key: String) async throws -> any SnapshotStore

    var testDescription: String { name }

    /// Files and SQLite, and PostgreSQL where there is a server.
    static let all = PostgresServer.unavailableReason == nil ? [files, sqlite, postgres] : [files, sqlite]

    private static let folder = Mutex<TemporaryFolder?>(nil)

    /// A folder that lasts as long as the tests.
    private static func folderPath() throws -> String {
        try folder.withLock { folder in
            let made = try folder ?? TemporaryFolder()
            folder = made
            return made.path
        }
    }

    static let files = SnapshotHome(name: "files") { key in
        try FileSnapshots(folder: folderPath() + "/" + key)
    }

    static let sqlite = SnapshotHome(name: "sqlite") { key in
        try SQLiteSnapshots(path: folderPath() + "/" + key + ".db")
    }

    static let postgres = SnapshotHome(name: "postgres") { key in
        let url = try await SharedServer.postgres().url(database: "postgres") + "?schema=\(key)"
        return try await blocking { try PostgresSnapshots(url) }
    }
}

/// Runs what waits for a server on a thread of its own, so that it keeps no other test waiting.
@discardableResult
func blocking<Value: Sendable>(_ body: @Sendable () throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(OwnThread()) { try body() }
}

/// Runs each job on a new thread, in its task, so that what a test expects is noted as that test's.
private final class OwnThread: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }.start()
    }
}

/// Files that tests make.
enum CairnTestFiles {
    static func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}
