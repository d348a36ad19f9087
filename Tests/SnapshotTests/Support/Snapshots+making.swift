import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSnapshots
import Foundation

/// A name of no meaning.
let anyName = SnapshotName(server: "test", time: Timestamp(microseconds: 1_700_000_000_000_000))

extension SnapshotStore {
    /// Writes a snapshot of an engine as it is now.
    @discardableResult
    func keep(
        _ engine: MemoryEngine, _ keyMetrics: KeyMetricsTable? = nil, as name: SnapshotName = anyName,
        key: SnapshotKey? = nil
    ) throws(StoreError) -> Int64 {
        let cut = engine.cut()
        let header = SnapshotHeader(
            server: name.server, time: name.time, occasion: .request, isEncrypted: key != nil,
            salt: Array(0..<16), head: cut.head)
        var count: Int64 = 0
        try write(name) { (sink) throws(StoreError) in
            count = try SnapshotWriter.write(cut, header, keyMetrics: keyMetrics, key: key, to: sink)
        }
        return count
    }

    /// Makes an engine of a snapshot.
    func restore(_ name: SnapshotName = anyName, key: SnapshotKey? = nil) throws(StoreError) -> MemoryEngine {
        try restore(name, key: key, keyMetricsCapacity: 0).engine
    }

    /// Makes an engine and a table of a snapshot.
    func restore(
        _ name: SnapshotName = anyName, key: SnapshotKey? = nil, keyMetricsCapacity: Int
    ) throws(StoreError) -> (engine: MemoryEngine, keyMetrics: KeyMetricsTable?) {
        guard let stored = try list(of: name.server).first(where: { $0.name == name }) else {
            throw StoreError(.internal, "there is no snapshot \(name.text)")
        }
        return try SnapshotReader(stored, in: self, key: key).restore(keyMetricsCapacity: keyMetricsCapacity)
    }
}

/// A key that is always the same.
func testKey(_ byte: UInt8 = 7, count: Int = 32) throws(StoreError) -> SnapshotKey {
    try SnapshotKey(bytes: [UInt8](repeating: byte, count: count))
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

/// The error that `body` throws.
func awaitedFailure(_ body: () async throws -> Void) async -> StoreError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? StoreError
    }
}

/// An empty folder, removed with this object.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/cairn-snapshots-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
