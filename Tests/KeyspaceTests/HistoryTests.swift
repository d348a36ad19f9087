import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

/// Random histories: the rules over the memory engine against a model that could not be simpler.
///
/// `CAIRN_SEED` repeats a run, `CAIRN_HISTORIES` says how many.
@Suite("random histories")
struct HistoryTests {
    @Test("what the rules do is what the model does", arguments: 0..<2)
    func rulesAgreeWithModel(half: Int) async throws {
        let count = RandomRun.histories(100_000) / 2
        let first = RandomRun.seed &+ UInt64(half * count)
        for number in 0..<count {
            // There are only as many threads as cores, and the tests beside this one need them too.
            if number % 8 == 0 { await Task.yield() }
            let history = History(seed: first &+ UInt64(number))
            if let difference = try compareWithModel(history, fresh: { MemoryEngine() }) {
                Issue.record("\(difference)")
                return
            }
        }
    }

    @Test("a batch that is stored in a copy leaves what one leaves that is stored in place")
    func copiesAgree() throws {
        for number in 0..<200 {
            let seed = RandomRun.seed &+ UInt64(number)
            let difference = try compare(MemoryEngine(), MemoryEngine(eventsInPlace: number % 3), seed: seed)
            #expect(difference == nil, "\(difference?.description ?? "")")
        }
    }

    @Test("two engines that are the same compare as the same")
    func enginesAgree() throws {
        for number in 0..<200 {
            let difference = try compare(MemoryEngine(), MemoryEngine(), seed: RandomRun.seed &+ UInt64(number))
            #expect(difference == nil, "\(difference?.description ?? "")")
        }
    }
}
