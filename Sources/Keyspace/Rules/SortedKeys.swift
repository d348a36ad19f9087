internal import CairnModel

/// Keys in order, in pieces: to insert or remove one moves a part of one piece, however many there are.
struct SortedKeys: Sendable {
    /// Keys of one piece at most.
    private static let pieceLimit = 512
    /// A shorter run isn't worth pieces of its own.
    private static let shortRun = 32

    /// None of them is empty.
    private var pieces: [[Key]] = []

    private struct Place {
        var piece: Int
        var offset: Int
    }

    /// The place of the first key that isn't before `key`.
    private func firstPlace(notBefore key: Key) -> Place {
        let piece = SortedKeys.firstIndex(of: pieces.count) { pieces[$0][pieces[$0].count - 1] < key }
        guard piece < pieces.count else { return Place(piece: piece, offset: 0) }
        return Place(piece: piece, offset: SortedKeys.firstIndex(of: pieces[piece].count) { pieces[piece][$0] < key })
    }

    /// The first of `count` places that doesn't come before what is looked for, or `count`.
    private static func firstIndex(of count: Int, _ comesBefore: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if comesBefore(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func holds(_ key: Key, at place: Place) -> Bool {
        place.piece < pieces.count && pieces[place.piece][place.offset] == key
    }

    /// Inserts a key, unless it is there.
    mutating func insert(_ key: Key) {
        var place = firstPlace(notBefore: key)
        if holds(key, at: place) { return }
        if place.piece == pieces.count {
            guard place.piece > 0 else { return pieces.append([key]) }
            place = Place(piece: place.piece - 1, offset: pieces[place.piece - 1].count)
        }
        pieces[place.piece].insert(key, at: place.offset)
        let count = pieces[place.piece].count
        guard count > SortedKeys.pieceLimit else { return }
        pieces.insert(Array(pieces[place.piece][(count / 2)...]), at: place.piece + 1)
        pieces[place.piece].removeSubrange((count / 2)...)
    }

    /// Inserts keys in order, between which and beside which there are no others.
    mutating func insert(run: ArraySlice<Key>) {
        guard run.count > SortedKeys.shortRun, let first = run.first else {
            for key in run { insert(key) }
            return
        }
        let place = firstPlace(notBefore: first)
        var new = stride(from: run.startIndex, to: run.endIndex, by: SortedKeys.pieceLimit).map {
            Array(run[$0..<min($0 + SortedKeys.pieceLimit, run.endIndex)])
        }
        if place.offset > 0 {
            new.append(Array(pieces[place.piece][place.offset...]))
            pieces[place.piece].removeSubrange(place.offset...)
            pieces.insert(contentsOf: new, at: place.piece + 1)
        } else {
            pieces.insert(contentsOf: new, at: place.piece)
        }
    }

    /// Removes a key, if it is there.
    mutating func remove(_ key: Key) {
        let place = firstPlace(notBefore: key)
        guard holds(key, at: place) else { return }
        pieces[place.piece].remove(at: place.offset)
        if pieces[place.piece].isEmpty { pieces.remove(at: place.piece) }
    }

    /// How many keys of a range there are; no more than a piece beyond `limit`.
    func count(in range: KeyRange, upTo limit: Int) -> Int {
        if range.isEmpty { return 0 }
        let end = range.upper.map { firstPlace(notBefore: $0) } ?? Place(piece: pieces.count, offset: 0)
        var place = firstPlace(notBefore: range.lower)
        var count = 0
        while place.piece < end.piece, count <= limit {
            count += pieces[place.piece].count - place.offset
            place = Place(piece: place.piece + 1, offset: 0)
        }
        return place.piece == end.piece ? count + end.offset - place.offset : count
    }

    /// The keys of a range, in order.
    func keys(in range: KeyRange) -> [Key] {
        if range.isEmpty { return [] }
        let end = range.upper.map { firstPlace(notBefore: $0) } ?? Place(piece: pieces.count, offset: 0)
        var place = firstPlace(notBefore: range.lower)
        var keys: [Key] = []
        while place.piece < end.piece {
            keys += pieces[place.piece][place.offset...]
            place = Place(piece: place.piece + 1, offset: 0)
        }
        if end.offset > place.offset { keys += pieces[end.piece][place.offset..<end.offset] }
        return keys
    }
}
