import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestSupport
import Testing

@Suite("batch")
struct BatchTests {
    /// What a rule needs is loaded when it asks, and the rule starts anew; so what can be foreseen must be, or a large
    /// transaction takes time in the square of its size.
    @Test(
        "a large transaction is not tried anew for each key",
        arguments: [Expiry.keep, .after(.seconds(60))])
    func attempts(expiry: Expiry) throws {
        let engine = MemoryEngine()
        let driver = EngineDriver(engine)
        let now = Timestamp(microseconds: 1)
        let keys = (0..<1_000).map { Key("k\($0)") }
        _ = try driver.commit(keys.map { Transaction(then: [.set($0, "1", expiry: expiry)]) }, at: now)
        for transaction in [
            Transaction(then: [.deleteRange(.all)]), Transaction(then: keys.map { .delete($0) }),
            Transaction(then: keys.map { .set($0, "2", expiry: .after(.seconds(5))) }),
        ] {
            try engine.commit { (view) throws(StoreError) in
                var batch = try Batch(view: view, now: now, limits: .standard)
                let answers = try batch.decide([transaction])
                #expect(try answers[0].get().results.count > 0)
                #expect(batch.attempts <= 3)
                return nil
            }
        }
    }
}
