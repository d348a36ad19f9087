import CairnModel
import CairnTestSupport

/// A client that writes until the server no longer answers: sets, deletions, compare-and-sets, transactions over
/// several keys, and keys that expire, on keys of its own and on keys that it shares.
struct RandomWriter {
    let name: String
    let store: any Store
    let ledger: WriteLedger
    var random: SeededGenerator
    /// Whether every transaction has a request id, so that a client may send it again to whichever server answers.
    var isRepeatable = false
    private var number = 0

    init(_ name: String, on store: any Store, _ ledger: WriteLedger, seed: UInt64) {
        self.name = name
        self.store = store
        self.ledger = ledger
        random = SeededGenerator(seed: seed)
    }

    mutating func runUntilCut() async {
        while await step() {}
    }

    /// Runs so many transactions, unless the server no longer answers. Returns whether it did to the end.
    mutating func run(_ count: Int) async -> Bool {
        for _ in 0..<count {
            if await !step() { return false }
        }
        return true
    }

    /// One transaction; false when the server no longer answers.
    private mutating func step() async -> Bool {
        number += 1
        let id = "\(name)-\(number)"
        let value = Value("\(id) " + String(repeating: "v", count: random.below(200)))
        var transaction = Transaction(then: [], clientID: id)
        var isMortal = false
        switch random.below(10) {
        case 0..<4: transaction.operations = [.set(key(), value)]
        case 4: transaction.operations = [.delete(key())]
        case 5: return await increment(id)
        case 6, 7: transaction.operations = (0..<3).map { .set(Key("all/\($0)"), value) } + [.set(key(), value)]
        case 8:
            isMortal = true
            transaction.operations = [.set(shortLived(), value, expiry: .after(.milliseconds(1 + random.below(200))))]
        default:
            isMortal = true
            let lease = LeaseID(LeaseID.firstChosen.rawValue + Int64(random.next() >> 20))
            transaction.operations = [.grantLease(id: lease, duration: .milliseconds(1 + random.below(200)))]
            transaction.operations += (0..<2).map { .set(Key("leased/\(id)/\($0)"), value, lease: lease) }
        }
        // Half of them could be sent again; that must not make them happen twice.
        if isRepeatable || random.once(in: 2) { transaction.requestID = .random(using: &random) }
        return await ledger.run(transaction, isMortal: isMortal, on: store) != nil
    }

    /// Reads a shared counter and sets it one higher, unless somebody was faster.
    private mutating func increment(_ id: String) async -> Bool {
        let key: Key = "counter"
        let record: Record?
        do {
            record = try await store.get(key)
        } catch {
            return false
        }
        let next = (record?.value.text.flatMap { Int($0) } ?? 0) + 1
        let transaction = Transaction(
            if: [Condition(key, .version(.equal, record?.version ?? 0))], then: [.set(key, Value("\(next)"))],
            clientID: id, requestID: isRepeatable ? .random(using: &random) : nil)
        return await ledger.run(transaction, on: store) != nil
    }

    private mutating func key() -> Key { Key("\(name.split(separator: "-").last ?? "")/\(random.below(8))") }

    private mutating func shortLived() -> Key { Key("short/\(random.below(50))") }
}
