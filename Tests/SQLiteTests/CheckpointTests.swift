import CairnKeyspace
import CairnModel
import CairnSQLite
import Foundation
import Testing

@Suite("SQLite: checkpoints")
struct CheckpointTests {
    private func size(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }

    private var options: SQLiteOptions {
        var options = SQLiteOptions()
        options.checkpointBytes = 256 << 10
        options.walBytes = 1 << 20
        return options
    }

    @Test("the log does not grow without end")
    func bounded() throws {
        let value = Value(bytes: [UInt8](repeating: 1, count: 64 << 10))
        try withEngine(options: options) { store, path throws in
            var largest = 0
            // Some 40 MiB go through the log.
            for number in 0..<300 {
                try store.run(.set(Key("\(number % 10)"), value))
                if number % 7 == 0 { _ = try store.record(Key("\(number % 10)")) }
                largest = max(largest, size(path + "-wal"))
            }
            #expect(largest < 8 << 20)
            #expect(try store.events().count == 300)
        }
    }

    @Test("a reader that holds on keeps the log, and the log starts over after it")
    func heldLog() throws {
        let value = Value(bytes: [UInt8](repeating: 1, count: 64 << 10))
        try withEngine(options: options) { store, path throws in
            try store.run(.set("first", "1"))
            try store.look { view throws in
                #expect(try view.head().lastRef == 1)
                for number in 0..<40 { try store.run(.set(Key("\(number % 10)"), value)) }
                #expect(size(path + "-wal") > 4 << 20)
                #expect(try view.head().lastRef == 1)
                #expect(try view.records(["5"]).isEmpty)
            }
            let held = size(path + "-wal")
            for number in 0..<200 { try store.run(.set(Key("\(number % 10)"), value)) }
            // It would be past 30 MiB had it not started over.
            #expect(size(path + "-wal") < held + (16 << 20))
        }
    }
}
