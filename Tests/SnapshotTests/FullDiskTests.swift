import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSQLite
import CairnSnapshots
import CairnTestSupport
import Foundation
import Testing

@Suite("snapshots: a full disk")
struct FullDiskTests {
    @Test(
        "fails the snapshot, and leaves the older ones and the store as they are",
        .enabled(if: SmallVolume.isPossible, "needs the right to mount a tmpfs"), arguments: ["files", "sqlite"])
    func full(home: String) throws {
        let volume = try SmallVolume()
        let store: any SnapshotStore =
            if home == "files" {
                try FileSnapshots(folder: volume.path + "/snapshots")
            } else {
                try SQLiteSnapshots(path: volume.path + "/snapshots.db")
            }
        defer { store.close() }
        let engine = MemoryEngine()
        let driver = EngineDriver(engine)
        var random = SeededGenerator(seed: 1)
        let value = Value(bytes: (0..<150_000).map { _ in UInt8(random.below(256)) })
        _ = try driver.commit([Transaction(then: [.set("a", value)])], at: History.start)
        let first = SnapshotName(server: "test", time: Timestamp(microseconds: 1))
        try store.keep(engine, as: first)
        let image = try driver.image()
        for key: Key in ["b", "c", "d"] {
            _ = try driver.commit([Transaction(then: [.set(key, value)])], at: History.start)
        }
        let second = SnapshotName(server: "test", time: Timestamp(microseconds: 2))
        let error = failure { try store.keep(engine, as: second) }
        #expect(error?.code == .storageFull, "\(String(describing: error))")
        #expect(try store.list(of: "test").map(\.name) == [first])
        #expect(try EngineDriver(store.restore(first)).image() == image)
        let left = try FileManager.default.contentsOfDirectory(
            atPath: volume.path + (home == "files" ? "/snapshots" : ""))
        #expect(left.count == 1, "\(left)")
        try store.delete(first)
        _ = try driver.commit(
            [Transaction(then: [.delete("b"), .delete("c"), .compact(before: 6)])], at: History.start)
        try store.keep(engine, as: second)
        #expect(try EngineDriver(store.restore(second)).image() == driver.image())
    }
}
