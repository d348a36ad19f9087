import CairnTestSupport
import Testing

@testable import CairnMemory

@Suite("memory home: elements in order")
struct OrderedIndexTests {
    /// What an index must be like: a sorted array.
    private struct Pair {
        var index = OrderedIndex<Int>()
        var model: [Int] = []

        mutating func put(_ number: Int) {
            let old = index.put(number, comesBefore: { $0 < number }, isSame: { $0 == number })
            let place = model.firstIndex { $0 >= number } ?? model.count
            let isThere = place < model.count && model[place] == number
            if !isThere { model.insert(number, at: place) }
            #expect((old == number) == isThere, "\(number), seed \(RandomRun.seed)")
        }

        mutating func remove(_ number: Int) {
            let removed = index.remove(comesBefore: { $0 < number }, isSame: { $0 == number })
            let place = model.firstIndex(of: number)
            if let place { model.remove(at: place) }
            #expect(removed == (place != nil), "\(number), seed \(RandomRun.seed)")
        }

        var all: [Int] {
            var found: [Int] = []
            index.forEach(notBefore: { _ in false }) {
                found.append($0)
                return true
            }
            return found
        }
    }

    @Test("is what a sorted array is, through insertions and removals in any order")
    func random() {
        var random = SeededGenerator(seed: RandomRun.seed)
        var pair = Pair()
        for step in 0..<6_000 {
            let number = random.below(2_000)
            // More insertions at first, more removals then, down to nothing.
            if random.below(6_000) >= step { pair.put(number) } else { pair.remove(number) }
            if step % 500 == 0 { #expect(pair.all == pair.model, "seed \(RandomRun.seed)") }
            let from = random.below(2_000)
            #expect(pair.index.first { $0 < from } == pair.model.first { $0 >= from }, "seed \(RandomRun.seed)")
        }
        for number in 0..<2_000 { pair.remove(number) }
        #expect(pair.all.isEmpty && pair.index.count == 0)
    }

    @Test("fills its pieces when elements come in order")
    func ascending() {
        var pair = Pair()
        for number in 0..<1_024 { pair.put(number) }
        #expect(pair.all == pair.model)
        #expect(pair.index.count == 1_024)
        #expect(pair.index.piecesNotShared(with: OrderedIndex()) == 4, "of 256 elements")
    }

    @Test("a copy keeps what it had while the other goes on")
    func copies() {
        var pair = Pair()
        for number in stride(from: 0, to: 3_000, by: 3) { pair.put(number) }
        let copy = pair
        for number in 0..<3_000 {
            if number.isMultiple(of: 2) { pair.put(number) } else { pair.remove(number) }
        }
        #expect(copy.all == copy.model)
        #expect(pair.all == pair.model)
    }
}
