import CairnModel
import CairnTestSupport
import Testing

@testable import CairnKeyspace

@Suite("listing")
struct ListingTests {
    private func record(_ key: Key, bytes: Int = 0) -> Record {
        Record(
            key: key, value: Value(bytes: Array(repeating: 0, count: bytes)), version: 1, createdVersion: 1,
            createdRef: 1,
            updatedRef: 1, deletedRef: nil, leaseID: 1)
    }

    /// Every entry, page by page, of records that a scan shows at most `scanned` of at a time.
    private func list(
        _ request: ListRequest, _ records: [Record], limits: Limits, scanned: Int
    ) throws -> [ListPage.Entry] {
        var request = request
        var entries: [ListPage.Entry] = []
        while true {
            let page = try Listing.page(request, limits: limits, head: 1) { range, limit in
                Array(records.filter { range.contains($0.key) }.prefix(min(limit, scanned)))
            }
            #expect(page.entries.count <= request.limit ?? .max)
            entries += page.entries
            guard let next = page.next else { return entries }
            #expect(!page.entries.isEmpty)
            request.page = next
        }
    }

    /// What a list shows, key by key.
    private func expected(_ request: ListRequest, _ records: [Record]) -> [ListPage.Entry] {
        var entries: [ListPage.Entry] = []
        for record in records where request.range.contains(record.key) {
            var entry = ListPage.Entry.record(record)
            if let depth = request.depth, record.key.hasPrefix(request.root) {
                let below = record.key.bytes[request.root.bytes.count...]
                let slashes = below.indices.filter { below[$0] == UInt8(ascii: "/") }
                if slashes.count >= depth {
                    entry = .directory(Key(bytes: Array(record.key.bytes[...slashes[depth - 1]])))
                }
            }
            if entries.last != entry { entries.append(entry) }
        }
        return entries
    }

    @Test("every page size, depth and scan size shows the same list")
    func againstBruteForce() throws {
        var random = SeededGenerator(seed: RandomRun.seed)
        let pieces: [[UInt8]] = [[0x61], [0x62], [0x2F], [0x2F], [0xFF], [0x30]]
        for _ in 0..<400 {
            let keys = Set(
                (0..<(1 + random.below(25))).map { _ in
                    Key(bytes: (0...random.below(5)).flatMap { _ in random.pick(pieces) })
                })
            let records = keys.sorted().map { record($0, bytes: random.below(200)) }
            var limits = Limits.standard
            limits.pageBytes = 50 + random.below(1_000)
            let prefix = Key(bytes: (0..<random.below(3)).flatMap { _ in random.pick(pieces) })
            let request = ListRequest(
                prefix: prefix, depth: random.once(in: 3) ? nil : 1 + random.below(3),
                limit: random.once(in: 2) ? nil : 1 + random.below(5))
            let entries = try list(request, records, limits: limits, scanned: 1 + random.below(4))
            #expect(entries == expected(request, records), "\(request) CAIRN_SEED=\(RandomRun.seed)")
        }
    }
}
