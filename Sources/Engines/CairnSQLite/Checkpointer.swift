// Copying the log into the file, off the path of the commits.
//
// In WAL mode a commit appends to the log and syncs it; sooner or later the pages must be copied into the file, or
// the log grows without end and reads get slower. SQLite would do it by itself inside the commit that takes the log
// over 1,000 pages, so that one caller in many waits for all the others' pages. Here a connection of its own does it
// on a queue of its own, while batches go on being appended; a PASSIVE checkpoint takes no lock that a writer or a
// reader needs.
//
// It syncs the log before it copies and the file after, so a commit is never less durable for it.
//
// Under steady load such a checkpoint never quite catches up: while it copies, pages are appended behind it, and the
// log can only start over when all of it has been copied. So when it is done, the writer itself copies the little
// that came in between, before its next batch; then its next append starts over at the beginning of the log. If the
// background falls behind for long the log reaches a hard bound, and then the writer copies all of it itself. A
// reader that holds on to an old state, such as a backup, keeps the log from starting over until it is done; waiting
// for it would help nobody.

internal import CairnModel
internal import Dispatch
internal import GRDBSQLite
internal import Synchronization

/// Copies the write-ahead log into the file when it has grown, or when nothing else happens.
///
/// Its connection is used on its queue alone.
final class Checkpointer: Sendable {
    private let connection: Connection
    private let queue = DispatchQueue(label: "cairn.sqlite.checkpoint", qos: .utility)
    private let state = Mutex(State())

    private struct State {
        /// A checkpoint has been asked for and is not done.
        var isRunning = false
        /// The background has copied most of the log; the writer shall copy the rest.
        var isNearlyDone = false
        /// A look at whether the store is idle is due some time.
        var isWatchingForIdleness = false
        /// Commits so far, to see whether there were any meanwhile.
        var commits = 0
        /// The length of the log when the writer could not copy all of it, so that it does not try at every commit.
        var gaveUpAt = 0
        var isClosed = false
    }

    init(_ connection: Connection) { self.connection = connection }

    /// What the writer does after each commit, before it answers nobody: only looks at the length of the log, as a
    /// rule.
    func afterCommit(_ index: WALIndex?, _ options: SQLiteOptions, on writer: Writer) {
        // Without the index there is nothing to look at; then SQLite's own way is as good, on the writer.
        guard let index else { return checkpointByCount(writer) }
        let bytes = index.frames * 4_120
        let isWritersTurn = state.withLock { state -> Bool in
            state.commits += 1
            watchForIdleness(&state)
            if bytes < options.checkpointBytes { state.gaveUpAt = 0 }
            if bytes > options.walBytes, bytes > state.gaveUpAt + options.walBytes / 4 { return true }
            if state.isNearlyDone {
                state.isNearlyDone = false
                return true
            }
            if bytes > options.checkpointBytes, !state.isRunning { start(&state) }
            return false
        }
        guard isWritersTurn else { return }
        checkpoint(writer.connection)
        if index.copiedFrames < index.frames { state.withLock { $0.gaveUpAt = bytes } }
    }

    private func checkpointByCount(_ writer: Writer) {
        let isDue = state.withLock { state in
            state.commits += 1
            return state.commits % 1_000 == 0
        }
        if isDue { checkpoint(writer.connection) }
    }

    private func start(_ state: inout State) {
        state.isRunning = true
        queue.async { [self] in
            checkpoint(connection)
            self.state.withLock { state in
                state.isRunning = false
                state.isNearlyDone = true
            }
        }
    }

    /// Two seconds without a commit are a good moment to copy what there is.
    private func watchForIdleness(_ state: inout State) {
        guard !state.isWatchingForIdleness else { return }
        state.isWatchingForIdleness = true
        let seen = state.commits
        queue.asyncAfter(deadline: .now() + .seconds(2)) { [weak self] in self?.lookForIdleness(since: seen) }
    }

    private func lookForIdleness(since seen: Int) {
        let isIdle = state.withLock { state in
            state.isWatchingForIdleness = false
            if state.isClosed { return false }
            if state.commits == seen { return true }
            watchForIdleness(&state)
            return false
        }
        if isIdle { checkpoint(connection) }
    }

    /// Copies what can be copied without waiting for anyone. A failure is no harm: the log stays, and the next attempt
    /// meets the same trouble or does not.
    private func checkpoint(_ connection: Connection) {
        sqlite3_wal_checkpoint_v2(connection.database, "main", SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    }

    /// Waits for what is under way and closes the connection.
    func close() {
        state.withLock { $0.isClosed = true }
        queue.sync { connection.close() }
    }
}
