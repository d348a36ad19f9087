import CairnModel
import CairnTestSupport
import Testing

@testable import CairnKeyspace

@Suite("watch index")
struct WatchIndexTests {
    private func ranges(_ random: inout SeededGenerator) -> KeyRange {
        let keys = History.keys + ["", "a/", "aa"]
        switch random.below(4) {
        case 0: return KeyRange(prefix: random.pick(keys))
        case 1: return KeyRange(single: random.pick(History.keys))
        case 2: return KeyRange(from: random.pick(keys), to: nil)
        default: return KeyRange(from: random.pick(keys), to: random.pick(keys))
        }
    }

    @Test("finds the watchers that asking each of them would find")
    func againstBruteForce() {
        var random = SeededGenerator(seed: RandomRun.seed)
        let keys = History.keys + ["aa", "a/b/c", Key(bytes: [0]), "z"]
        for _ in 0..<200 {
            var index = WatchIndex()
            var watchers: [Watcher] = []
            for _ in 0..<40 {
                if random.once(in: 3), !watchers.isEmpty {
                    let gone = watchers.remove(at: random.below(watchers.count))
                    index.remove(gone)
                    // Removing one that is not there does nothing.
                    index.remove(gone)
                } else {
                    let several = (0...random.below(3)).map { _ in ranges(&random) }
                    let watcher = Watcher(WatchRequest(ranges: several))
                    watchers.append(watcher)
                    index.insert(watcher)
                }
                #expect(index.count == watchers.count)
                let key = random.pick(keys)
                var found: [ObjectIdentifier] = []
                index.forEachWatcher(of: key) { found.append(ObjectIdentifier($0)) }
                let expected = watchers.filter { $0.ranges.contains { $0.contains(key) } }.map { ObjectIdentifier($0) }
                #expect(Set(found) == Set(expected), "\(key) CAIRN_SEED=\(RandomRun.seed)")
                #expect(found.count == expected.count)
            }
            #expect(Set(index.all.map { ObjectIdentifier($0) }) == Set(watchers.map { ObjectIdentifier($0) }))
            for watcher in watchers { index.remove(watcher) }
            #expect(index.isEmpty)
        }
    }
}
