import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSQLite
import CairnSnapshots
import CairnTestSupport
import Foundation
import Testing

@Suite("snapshots: the places where they are kept")
struct HomeTests {
    @Test("keeps its promises", arguments: SnapshotHome.all)
    func promises(_ home: SnapshotHome) async throws {
        let store = try await home.open("promises")
        try await blocking {
            try keepsWhole(store)
            try listsByServer(store)
            try keepsNothingHalf(store)
        }
        let before = try await blocking { try store.list(of: "a") }
        store.close()
        let again = try await home.open("promises")
        let after = try await blocking { try again.list(of: "a") }
        #expect(after == before && before.count == 3, "it is there for the next process")
        again.close()
    }

    @Test("a store is kept in it and restored from it", arguments: SnapshotHome.all)
    func restores(_ home: SnapshotHome) async throws {
        let store = try await home.open("restores")
        try await blocking {
            let engine = MemoryEngine()
            let driver = EngineDriver(engine)
            for number in 0..<20 {
                let value = Value(bytes: bytes(100_000, seed: UInt64(number)))
                _ = try driver.commit([Transaction(then: [.set(Key("\(number)"), value)])], at: History.start)
            }
            try store.keep(engine, key: testKey())
            let restored = EngineDriver(try store.restore(key: testKey()))
            #expect(try restored.image() == driver.image())
        }
        store.close()
    }

    @Test("sqlite: a file that is something else is refused, and not touched")
    func foreignFiles() throws {
        let folder = try TemporaryFolder()
        let cairn = folder.path + "/cairn.db"
        try SQLiteEngine(path: cairn).close()
        try CairnTestFiles.write(Array("no database at all".utf8), to: folder.path + "/text")
        for path in [cairn, folder.path + "/text"] {
            let before = FileManager.default.contents(atPath: path)
            #expect(failure { _ = try SQLiteSnapshots(path: path) }?.code == .foreignFile, "\(path)")
            #expect(FileManager.default.contents(atPath: path) == before)
        }
        let snapshots = try SQLiteSnapshots(path: folder.path + "/snapshots.db")
        snapshots.close()
        #expect(failure { _ = try SQLiteEngine(path: folder.path + "/snapshots.db") }?.code == .foreignFile)
        #expect(failure { _ = try SQLiteSnapshots(path: folder.path + "/none/x.db") }?.code == .invalidURL)
    }

    private func name(_ second: Int, server: String = "a") -> SnapshotName {
        SnapshotName(server: server, time: anyName.time + .seconds(second))
    }

    private func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in UInt8(random.below(256)) }
    }

    private func content(_ name: SnapshotName, in store: any SnapshotStore) throws -> [UInt8] {
        var all: [UInt8] = []
        for number in 0... {
            let piece = try store.read(name, piece: number)
            if piece.isEmpty { break }
            all += piece
        }
        return all
    }

    private func write(_ bytes: [UInt8], _ name: SnapshotName, to store: any SnapshotStore, step: Int) throws {
        try store.write(name) { (sink) throws(StoreError) in
            for start in stride(from: 0, to: bytes.count, by: step) {
                try sink.put(Array(bytes[start..<min(start + step, bytes.count)]))
            }
        }
    }

    /// Sizes around the border of a piece, put in parts large and small.
    private func keepsWhole(_ store: any SnapshotStore) throws {
        let sizes = [
            0, 1, 1_000, snapshotPieceBytes - 1, snapshotPieceBytes, snapshotPieceBytes + 1, 3 * snapshotPieceBytes + 7,
        ]
        for (number, size) in sizes.enumerated() {
            let written = bytes(size, seed: UInt64(number))
            try write(written, name(number), to: store, step: number % 2 == 0 ? 10_007 : 5 * snapshotPieceBytes)
            #expect(try content(name(number), in: store) == written)
        }
        #expect(try store.list(of: "a").map(\.byteCount) == sizes.map(Int64.init))
        for number in sizes.indices { try store.delete(name(number)) }
        #expect(try store.list(of: "a").isEmpty)
        try store.delete(name(0))
    }

    private func listsByServer(_ store: any SnapshotStore) throws {
        for number in [3, 1, 2] {
            try write([UInt8(number)], name(number), to: store, step: 1)
            try write([9, 9], name(number, server: "a.b"), to: store, step: 1)
        }
        #expect(try store.list(of: "a") == [1, 2, 3].map { StoredSnapshot(name: name($0), byteCount: 1) })
        #expect(try store.list(of: "A").isEmpty)
        try store.delete(name(2))
        #expect(try store.list(of: "a").map(\.name) == [name(1), name(3)])
        #expect(try store.list(of: "a.b").count == 3)
    }

    private func keepsNothingHalf(_ store: any SnapshotStore) throws {
        let before = try store.list(of: "a")
        let failed = failure {
            try store.write(name(8)) { (sink) throws(StoreError) in
                try sink.put(bytes(2 * snapshotPieceBytes))
                throw StoreError(.internal, "given up")
            }
        }
        #expect(failed?.message == "given up")
        #expect(try store.list(of: "a") == before)
        #expect(failure { try write([1], name(1), to: store, step: 1) } != nil, "the name is taken")
        #expect(try content(name(1), in: store) == [1])
        try write([8], name(8), to: store, step: 1)
        #expect(try content(name(8), in: store) == [8])
    }

    @Test("names tell the time, and sort by it")
    func names() throws {
        var random = SeededGenerator(seed: RandomRun.seed)
        let first = SnapshotName(server: "cairn", time: Timestamp(microseconds: 1_795_288_526_123_456))
        #expect(first.text == "cairn@20261121T191526.123456Z")
        var names = [first, SnapshotName(server: "cairn", time: Timestamp(microseconds: 951_782_400_000_000))]
        for _ in 0..<1_000 {
            let time = Timestamp(microseconds: Int64(random.next() % 200_000_000_000_000_000))
            names.append(SnapshotName(server: "cairn", time: time))
        }
        for name in names { #expect(SnapshotName(name.text) == name) }
        #expect(names.sorted().map(\.text) == names.map(\.text).sorted())
        for text in [
            "", "cairn", "cairn@", "@20261121T191526.123456Z", "cairn@20260631T191526.123456Z",
            "cairn@20261121T191560.123456Z", "cairn@20261121T191526.12345Z", "a/b@20261121T191526.123456Z",
        ] {
            #expect(SnapshotName(text) == nil, "\(text)")
        }
    }

    @Test("files: what a crash has left is removed, and other files are left alone")
    func leftovers() throws {
        let folder = try TemporaryFolder()
        let store = try FileSnapshots(folder: folder.path + "/new")
        let left = "\(store.place)/\(name(1).text).cairnsnap.unfinished"
        let other = store.place + "/notes.txt"
        let foreign = "\(store.place)/\(name(1, server: "b").text).cairnsnap.unfinished"
        for path in [left, other, foreign] { try CairnTestFiles.write([1], to: path) }
        #expect(try store.list(of: "a").isEmpty)
        try write([1], name(2), to: store, step: 1)
        let files = try FileManager.default.contentsOfDirectory(atPath: store.place).sorted()
        #expect(
            files == ["\(name(2).text).cairnsnap", "\(name(1, server: "b").text).cairnsnap.unfinished", "notes.txt"])
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(store.place)/\(files[0])")
        #expect(attributes[.posixPermissions] as? Int == 0o600, "nobody else may read it")
    }

    @Test("files: a folder that can't be")
    func badFolders() throws {
        let folder = try TemporaryFolder()
        try CairnTestFiles.write([1], to: folder.path + "/file")
        for path in ["", "\0", folder.path + "/file", folder.path + "/none/none"] {
            #expect(failure { _ = try FileSnapshots(folder: path) }?.code == .invalidURL, "\(path)")
        }
    }
}
