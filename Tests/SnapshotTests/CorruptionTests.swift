import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSnapshots
import CairnTestSupport
import Testing

@Suite("snapshots: what is broken is noticed")
struct CorruptionTests {
    /// A small snapshot with something in each section.
    private func small(key: SnapshotKey?) throws -> (KeptSnapshots, [UInt8]) {
        let engine = MemoryEngine()
        let driver = EngineDriver(engine)
        _ = try driver.commit(
            [
                Transaction(
                    then: [.set("a", "1"), .set("b", "2", expiry: .after(.seconds(5))), .delete("a")],
                    requestID: History.requests[0]),
                Transaction(then: [.grantLease(duration: .seconds(9)), .acknowledge(consumer: "c", through: 1)]),
            ], at: History.start)
        let kept = KeptSnapshots()
        try kept.keep(engine, key: key)
        return (kept, try #require(kept[anyName]))
    }

    @Test("every single byte that is changed", arguments: [false, true])
    func flips(isEncrypted: Bool) throws {
        let key = isEncrypted ? try testKey() : nil
        let (kept, whole) = try small(key: key)
        for offset in whole.indices {
            for change: UInt8 in [0x01, 0x80, 0xFF] {
                var broken = whole
                broken[offset] ^= change
                kept[anyName] = broken
                let error = failure { _ = try kept.restore(key: key) }
                #expect(error?.code == .corrupted, "byte \(offset) ^ \(change): \(String(describing: error))")
            }
        }
        kept[anyName] = whole
        _ = try kept.restore(key: key)
    }

    @Test("every end that is cut off, and everything that is added", arguments: [false, true])
    func cuts(isEncrypted: Bool) throws {
        let key = isEncrypted ? try testKey() : nil
        let (kept, whole) = try small(key: key)
        for count in 0..<whole.count {
            kept[anyName] = Array(whole[..<count])
            #expect(failure { _ = try kept.restore(key: key) }?.code == .corrupted, "\(count) bytes")
        }
        for more in [[0], whole] {
            kept[anyName] = whole + more
            let error = failure { _ = try kept.restore(key: key) }
            #expect(error?.code == .corrupted && error?.message.contains("after its end") == true)
        }
    }

    @Test("parts that are exchanged, left out or repeated, or come from another snapshot")
    func parts() throws {
        let engine = MemoryEngine()
        let driver = EngineDriver(engine)
        for number in 0..<8 {
            let value = Value(bytes: [UInt8](repeating: UInt8(number), count: 300_000))
            _ = try driver.commit([Transaction(then: [.set(Key("\(number)"), value)])], at: History.start)
        }
        let kept = KeptSnapshots()
        try kept.keep(engine)
        let whole = try #require(kept[anyName])
        let chunks = SnapshotParts(whole)
        #expect(chunks.parts.count >= 17)
        let other = SnapshotName(server: "test", time: anyName.time + .seconds(1))
        try kept.keep(engine, as: other)
        let foreign = SnapshotParts(try #require(kept[other]))
        var attempts = chunks.parts.indices.dropLast().map { index in
            var parts = chunks.parts
            parts.swapAt(index, index + 1)
            return parts
        }
        for index in chunks.parts.indices {
            var parts = chunks.parts
            parts.remove(at: index)
            attempts.append(parts)
            parts.insert(foreign.parts[index], at: index)
            attempts.append(parts)
            parts = chunks.parts
            parts.insert(parts[index], at: index)
            attempts.append(parts)
        }
        for parts in attempts {
            kept[anyName] = chunks.header + parts.flatMap { $0 }
            #expect(failure { _ = try kept.restore() }?.code == .corrupted)
        }
        kept[anyName] = chunks.header + chunks.parts.flatMap { $0 }
        _ = try kept.restore()
    }

    @Test("what is broken is told with its place")
    func words() throws {
        let (kept, whole) = try small(key: nil)
        let parts = SnapshotParts(whole)
        var broken = whole
        broken[parts.header.count + 25] ^= 1
        kept[anyName] = broken
        let error = try #require(failure { _ = try kept.restore() })
        #expect(error.message == "chunk 0, at byte \(parts.header.count): the records in it don't match their checksum")
    }

    @Test("a wrong key and a missing one are told apart from what is broken")
    func keys() throws {
        let (kept, whole) = try small(key: testKey(1))
        #expect(failure { _ = try kept.restore(key: testKey(2)) }?.code == .permissionDenied)
        #expect(failure { _ = try kept.restore(key: testKey(1, count: 16)) }?.code == .permissionDenied)
        #expect(failure { _ = try kept.restore() }?.code == .permissionDenied)
        _ = try kept.restore(key: testKey(1))
        let text = Array("value".utf8)
        #expect(!whole.indices.dropLast(5).contains { Array(whole[$0..<$0 + 5]) == text })
    }
}
