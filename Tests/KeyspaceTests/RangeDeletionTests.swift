import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

@Suite("range deletion in a batch")
struct RangeDeletionTests {
    @Test("a range that is too large is refused, whatever the batch deleted before", arguments: 1...4)
    func neverPartial(deletedBefore: Int) throws {
        var limits = Limits.standard
        limits.transactionEvents = 3
        let driver = EngineDriver(MemoryEngine(), limits: limits)
        let keys = (0..<12).map { Key("k" + ($0 < 10 ? "0" : "") + "\($0)") }
        let now = Timestamp(microseconds: 1)
        _ = try driver.commit(keys.map { Transaction(then: [.set($0, "1")]) }, at: now)
        let deletions = keys.prefix(deletedBefore).map { Transaction(then: [.delete($0)]) }
        let answers = try driver.commit(deletions + [Transaction(then: [.deleteRange(.all)])], at: now)
        guard case .failure(let error)? = answers.last else {
            Issue.record("a part of the range was deleted: \(answers)")
            return
        }
        #expect(error.code == .transactionTooLarge)
        #expect(try driver.image().liveKeys == Array(keys.dropFirst(deletedBefore)))
    }

    @Test("a range that fits after what the batch deleted before is deleted")
    func fitsAfterwards() throws {
        var limits = Limits.standard
        limits.transactionEvents = 3
        let driver = EngineDriver(MemoryEngine(), limits: limits)
        let keys: [Key] = ["a", "b", "c", "d", "e"]
        let now = Timestamp(microseconds: 1)
        _ = try driver.commit(keys.map { Transaction(then: [.set($0, "1")]) }, at: now)
        let answers = try driver.commit(
            [
                Transaction(then: [.deleteRange(.all)]), Transaction(then: [.delete("a"), .delete("c")]),
                Transaction(then: [.deleteRange(.all)]),
            ], at: now)
        #expect(PlainModel.Answer(answers[0]) == .refused(.transactionTooLarge))
        guard case .success(let result) = answers[2], case .deleted(let tombstones)? = result.results.first else {
            Issue.record("\(answers)")
            return
        }
        #expect(tombstones.map(\.key) == ["b", "d", "e"])
        #expect(try driver.image().liveKeys.isEmpty)
    }
}
