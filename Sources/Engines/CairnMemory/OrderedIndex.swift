/// Elements in order, in pieces: insertion, removal and search take a binary search over the pieces and one within a
/// piece.
///
/// A flat list of sorted pieces rather than a tree: two levels are enough for tens of millions of elements, and a scan
/// walks arrays. A piece that grows past its limit is split in two; one that becomes empty is removed.
///
/// A copy shares all pieces. The next change of either then copies the list of pieces, which is a pointer for each, and
/// the one piece that is changed.
struct OrderedIndex<Element> {
    /// Elements of one piece at most. Moving half of them must stay cheap.
    private static var pieceLimit: Int { 256 }

    private var pieces: [[Element]] = []
    private(set) var count = 0

    /// Where an element is, or would be inserted.
    struct Position {
        fileprivate var piece: Int
        fileprivate var offset: Int
    }

    /// The first position whose element does not come before what is looked for.
    private func firstPosition(notBefore comesBefore: (Element) -> Bool) -> Position {
        // Through pointers, because a subscript retains and releases each element on the way.
        pieces.withUnsafeBufferPointer { pieces in
            let piece = OrderedIndex.firstIndex(of: pieces.count) { index in
                pieces[index].withUnsafeBufferPointer { comesBefore($0[$0.count - 1]) }
            }
            guard piece < pieces.count else { return Position(piece: piece, offset: 0) }
            let offset = pieces[piece].withUnsafeBufferPointer { elements in
                OrderedIndex.firstIndex(of: elements.count) { comesBefore(elements[$0]) }
            }
            return Position(piece: piece, offset: offset)
        }
    }

    /// The first of `count` places for which `comesBefore` is false, or `count`.
    @inline(__always)
    private static func firstIndex(of count: Int, notBefore comesBefore: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if comesBefore(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The first element for which `comesBefore` is false. It must be true for a beginning of the elements.
    func first(notBefore comesBefore: (Element) -> Bool) -> Element? {
        let position = firstPosition(notBefore: comesBefore)
        return position.piece < pieces.count ? pieces[position.piece][position.offset] : nil
    }

    /// Calls `body` with each element from there on, in order, until it returns false.
    func forEach(notBefore comesBefore: (Element) -> Bool, _ body: (Element) -> Bool) {
        var position = firstPosition(notBefore: comesBefore)
        while position.piece < pieces.count {
            let piece = pieces[position.piece]
            for offset in position.offset..<piece.count where !body(piece[offset]) { return }
            position = Position(piece: position.piece + 1, offset: 0)
        }
    }

    /// Calls `body` with each element, in order.
    func forEach<Failure: Error>(_ body: (Element) throws(Failure) -> Void) throws(Failure) {
        for piece in pieces {
            for element in piece { try body(element) }
        }
    }

    /// The pieces that `other` doesn't share.
    func piecesNotShared(with other: OrderedIndex) -> Int { countNotShared(pieces, other.pieces) }

    /// Puts `element` in its place, instead of the one that is there if `isSame` says so. Returns that one.
    @discardableResult
    mutating func put(
        _ element: Element, comesBefore: (Element) -> Bool, isSame: (Element) -> Bool
    ) -> Element? {
        var position = firstPosition(notBefore: comesBefore)
        if position.piece < pieces.count, isSame(pieces[position.piece][position.offset]) {
            let old = pieces[position.piece][position.offset]
            pieces[position.piece][position.offset] = element
            return old
        }
        count += 1
        if position.piece == pieces.count {
            // Beyond the last element: append, so that ascending insertion fills pieces.
            guard position.piece > 0 else {
                pieces.append([element])
                return nil
            }
            position = Position(piece: position.piece - 1, offset: pieces[position.piece - 1].count)
        }
        // Split before, so that no piece ever takes memory for more than the limit.
        if pieces[position.piece].count == Self.pieceLimit { split(&position) }
        pieces[position.piece].insert(element, at: position.offset)
        return nil
    }

    /// Removes the first element that does not come before what is looked for, if `isSame` says it is the one.
    /// Returns whether it did.
    @discardableResult
    mutating func remove(comesBefore: (Element) -> Bool, isSame: (Element) -> Bool) -> Bool {
        let position = firstPosition(notBefore: comesBefore)
        guard position.piece < pieces.count, isSame(pieces[position.piece][position.offset]) else { return false }
        pieces[position.piece].remove(at: position.offset)
        if pieces[position.piece].isEmpty { pieces.remove(at: position.piece) }
        count -= 1
        return true
    }

    /// Splits the piece in which something is to be inserted, and moves the place with it.
    private mutating func split(_ position: inout Position) {
        let piece = position.piece
        let size = pieces[piece].count
        // Ascending insertion leaves full pieces behind; any other halves them.
        let cut = position.offset == size && piece == pieces.count - 1 ? size : size / 2
        pieces.insert(Array(pieces[piece][cut...]), at: piece + 1)
        pieces[piece].removeSubrange(cut...)
        if position.offset >= cut { position = Position(piece: piece + 1, offset: position.offset - cut) }
    }
}

extension OrderedIndex: Sendable where Element: Sendable {}

/// How many arrays of the first list are not in the second, by where their elements lie. The pointers are compared and
/// never followed.
func countNotShared<Element>(_ pieces: [[Element]], _ others: [[Element]]) -> Int {
    func places(_ pieces: [[Element]]) -> Set<UnsafeRawPointer> {
        Set(pieces.compactMap { piece in piece.withUnsafeBufferPointer { $0.baseAddress.map(UnsafeRawPointer.init) } })
    }
    return places(pieces).subtracting(places(others)).count
}
