import CairnKeyspace
import CairnModel
import CairnTestWaits
import Synchronization

/// Snapshots in memory, which a test can break, and which can refuse to take more.
final class KeptSnapshots: SnapshotStore {
    private struct State {
        var snapshots: [SnapshotName: [UInt8]] = [:]
        var refusal: StoreError?
        var attempts = 0
        var waiters: [(attempts: Int, resumption: Resumption<Void>)] = []
    }

    private let state = Mutex(State())
    let place = "memory of a test"

    /// What every write throws from now on.
    func refuse(with error: StoreError?) { state.withLock { $0.refusal = error } }

    subscript(name: SnapshotName) -> [UInt8]? {
        get { state.withLock { $0.snapshots[name] } }
        set { state.withLock { $0.snapshots[name] = newValue } }
    }

    /// The names, oldest first.
    var names: [SnapshotName] { state.withLock { $0.snapshots.keys.sorted() } }

    /// Returns when so many writes were begun, and have ended.
    func waitForAttempts(_ count: Int) async throws {
        try await waiting(for: "\(count) attempts to write a snapshot") { resumption in
            state.withLock { state in
                if state.attempts >= count { return resumption.resume() }
                state.waiters.append((count, resumption))
            }
        }
    }

    func own(_ server: String) throws(StoreError) {}

    func list(of server: String) throws(StoreError) -> [StoredSnapshot] {
        state.withLock { state in
            state.snapshots.filter { $0.key.server == server }
                .map { StoredSnapshot(name: $0.key, byteCount: Int64($0.value.count)) }
                .sorted { $0.name < $1.name }
        }
    }

    func write(
        _ name: SnapshotName, _ fill: (any SnapshotSink) throws(StoreError) -> Void
    ) throws(StoreError) {
        defer {
            state.withLock { state in
                state.attempts += 1
                for waiter in state.waiters where waiter.attempts == state.attempts { waiter.resumption.resume() }
                state.waiters.removeAll { $0.attempts <= state.attempts }
            }
        }
        let sink = Sink()
        try fill(sink)
        if let refusal = state.withLock({ $0.refusal }) { throw refusal }
        self[name] = sink.bytes
    }

    func read(_ name: SnapshotName, piece number: Int) throws(StoreError) -> [UInt8] {
        let bytes = self[name] ?? []
        let start = number * snapshotPieceBytes
        return start < bytes.count ? Array(bytes[start...].prefix(snapshotPieceBytes)) : []
    }

    func delete(_ name: SnapshotName) throws(StoreError) { self[name] = nil }

    func close() {}

    private final class Sink: SnapshotSink {
        var bytes: [UInt8] = []
        func put(_ bytes: [UInt8]) throws(StoreError) { self.bytes += bytes }
    }
}
