internal import CairnModel

/// Looks for the records of a list that is more than a range: those whose keys match a pattern, or as they were.
///
/// Keys are looked through without their values; only what is wanted is then fetched.
struct ListSearch {
    let view: any EngineView
    let reader: RevisionReader
    let request: ListRequest
    let matcher: PatternMatcher?
    let limits: Limits

    /// How many values are fetched at a time: with the largest, 64 MiB.
    private static let valuesAtOnce = 16
    /// How many keys are looked at in one go.
    private static let keysAtOnce = 1_000

    /// The wanted records in the first part of a range.
    func piece(of range: KeyRange, limit: Int) throws(StoreError) -> Listing.Piece {
        let keys =
            request.asOf == nil
            ? try view.records(in: range, limit: ListSearch.keysAtOnce, bytes: .max, keysOnly: true)
            : try view.recordsEver(in: range, limit: ListSearch.keysAtOnce)
        var piece = Listing.Piece([], end: keys.last?.key.successor, keysSeen: keys.count)
        let wanted = keys.filter { matcher?.matches($0.key) ?? true }
        if request.asOf == nil && request.keysOnly {
            piece.records = wanted
            return piece
        }
        var bytes = 0
        for group in stride(from: 0, to: wanted.count, by: ListSearch.valuesAtOnce) {
            let group = wanted[group..<min(group + ListSearch.valuesAtOnce, wanted.count)]
            for record in try records(Array(group)) {
                piece.records.append(record)
                bytes += record.value.bytes.count
            }
            if let last = group.last, piece.records.count >= limit || bytes > limits.pageBytes {
                piece.end = last.key.successor
                break
            }
        }
        return piece
    }

    /// These keys' records as the request wants them, in order.
    private func records(_ keys: [Record]) throws(StoreError) -> [Record] {
        guard let ref = request.asOf else {
            let found = try view.records(keys.map(\.key))
            return keys.compactMap { found[$0.key] }
        }
        let states = try reader.states(keys, asOf: ref)
        return keys.compactMap { key in
            guard var record = states[key.key]?.record, record.isLive else { return nil }
            if request.keysOnly { record.value = Value(bytes: []) }
            // Whether a client may see it is a matter of the lock that there is now.
            record.lockToken = key.isLive ? key.lockToken : .zero
            return record
        }
    }
}
