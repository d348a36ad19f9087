package import CairnModel

/// One page of a list, made from records in bytewise order.
package enum Listing {
    /// What was found in the first part of a range.
    package struct Piece {
        /// The records that are wanted, in order.
        package var records: [Record]
        /// Where the part ends, or `nil` if it is the whole range.
        package var end: Key?
        /// How many keys were looked at.
        package var keysSeen: Int

        /// A piece with each of its fields.
        package init(_ records: [Record], end: Key?, keysSeen: Int) {
            self.records = records
            self.end = end
            self.keysSeen = keysSeen
        }
    }

    /// Reads the live records of a range, at most `limit`; without values when `keysOnly`. Fewer than `limit` doesn't
    /// mean the end.
    package typealias Scan = (_ range: KeyRange, _ limit: Int) throws(StoreError) -> [Record]
    /// Looks for wanted records in a range, and returns at most `limit`.
    package typealias Search = (_ range: KeyRange, _ limit: Int) throws(StoreError) -> Piece

    /// The page that `request` asks for, as `scan` shows it. `head` is the last event of that moment.
    package static func page(
        _ request: ListRequest, limits: Limits, head: Ref, scan: Scan
    ) throws(StoreError) -> ListPage {
        try page(request, limits: limits, head: head) { (range, limit) throws(StoreError) -> Piece in
            let records = try scan(range, limit)
            return Piece(records, end: records.last?.key.successor, keysSeen: 0)
        }
    }

    /// A search for few among many keys ends its page after so many times the entries of a page.
    private static let keysSeenPerEntry = 10

    /// The page that `request` asks for, as `search` finds it. `head` is the last event of that moment.
    package static func page(
        _ request: ListRequest, limits: Limits, head: Ref, search: Search
    ) throws(StoreError) -> ListPage {
        let limit = min(request.limit ?? limits.pageEntries, limits.pageEntries)
        var page = ListPage(entries: [], next: nil, ref: head)
        var cursor = max(request.page ?? request.range.lower, request.range.lower)
        var bytes = 0
        var keysSeen = 0
        while true {
            let range = KeyRange(from: cursor, to: request.range.upper)
            if range.isEmpty { return page }
            let piece = try search(range, limit - page.entries.count + 1)
            keysSeen += piece.keysSeen
            for record in piece.records where record.key >= cursor {
                if page.entries.count >= limit || bytes > limits.pageBytes {
                    page.next = cursor
                    return page
                }
                if let directory = directory(of: record.key, in: request) {
                    page.entries.append(.directory(directory))
                    bytes += directory.bytes.count + 16
                    guard let after = KeyRange(prefix: directory).upper else { return page }
                    cursor = after
                } else {
                    page.entries.append(.record(record))
                    bytes += record.key.bytes.count + record.value.bytes.count + 64
                    cursor = record.key.successor
                }
            }
            guard let end = piece.end else { return page }
            cursor = max(cursor, end)
            if keysSeen >= keysSeenPerEntry * limits.pageEntries {
                page.next = cursor
                return page
            }
        }
    }

    /// The directory that a key is rolled up into, if it lies deeper than was asked for.
    private static func directory(of key: Key, in request: ListRequest) -> Key? {
        guard let depth = request.depth, key.hasPrefix(request.root) else { return nil }
        var slashes = 0
        for index in request.root.bytes.count..<key.bytes.count where key.bytes[index] == UInt8(ascii: "/") {
            slashes += 1
            if slashes == depth { return Key(bytes: Array(key.bytes[...index])) }
        }
        return nil
    }
}
