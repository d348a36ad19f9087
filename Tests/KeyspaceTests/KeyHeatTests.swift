import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

@testable import CairnKeyspace

/// Which keys are used most just now.
@Suite("the heat of keys")
struct KeyHeatTests {
    private let start = Timestamp(microseconds: 1_000_000_000)

    @Test("an even use is told as its rate; what is no longer used cools down by half each half-life")
    func rate() {
        for rate in [1, 10, 1_000] {
            var heat = KeyHeat()
            for use in 0..<(60 * rate) { heat.note(at: start + .microseconds(Int64(use) * 1_000_000 / Int64(rate))) }
            let end = start + .seconds(60)
            let told = heat.perSecond(at: end)
            #expect(abs(told - Double(rate)) < 0.08 * Double(rate), "\(rate) a second is told as \(told)")
            let later = heat.perSecond(at: end + KeyHeat.halfLife)
            #expect(abs(later - told / 2) < 1e-9 * told)
            #expect(heat.perSecond(at: end + .seconds(3_600)) < 1e-9)
        }
    }

    @Test("a clock that goes back heats nothing up, and no time overflows")
    func clocks() {
        var heat = KeyHeat()
        heat.note(at: start)
        let once = heat.perSecond(at: start)
        #expect(heat.perSecond(at: start + .seconds(-3_600)) == once)
        heat.note(at: start + .seconds(-3_600))
        #expect(heat.perSecond(at: start) == 2 * once)
        heat.note(at: Timestamp(microseconds: .max))
        #expect(heat.perSecond(at: Timestamp(microseconds: .max)) == once)
        #expect(heat.perSecond(at: Timestamp(microseconds: .min)) == once)
    }

    @Test("the hottest of many are told, the hottest first, as of now and not of all time")
    func hottest() async throws {
        let clock = ManualClock()
        var options = KeyspaceOptions()
        options.clock = clock
        // So many that the table has several pieces, and each is looked through in several steps.
        options.keyMetrics = 40_000
        let store = try await Keyspace.open(options: options) { () throws(StoreError) in MemoryEngine() }
        try await store.set("once-hot", "1")
        for _ in 0..<2_000 { _ = try await store.get("once-hot") }
        clock.advance(by: .seconds(120))
        for number in 0..<20_000 { try await store.set(Key("cold/\(number)"), "1") }
        for number in 1...30 {
            try await store.set(Key("hot/\(number)"), "1")
            for _ in 0..<number { _ = try await store.get(Key("hot/\(number)")) }
        }
        let hot = try await store.hottestKeys(limit: 20)
        #expect(hot.map(\.key) == (11...30).reversed().map { Key("hot/\($0)") })
        #expect(hot.first?.metrics.accesses.count == 30 && hot.first?.metrics.sets.count == 1)
        #expect(hot.map(\.usesPerSecond) == hot.map(\.usesPerSecond).sorted(by: >))
        clock.advance(by: .seconds(60))
        #expect(try await store.hottestKeys(limit: 20).isEmpty, "nobody uses them any more")
        for limit in [0, -1, HotKey.mostAtOnce + 1] {
            let error = await #expect(throws: StoreError.self) { _ = try await store.hottestKeys(limit: limit) }
            #expect(error?.code == .invalidArgument)
        }
        await store.close()
    }
}
