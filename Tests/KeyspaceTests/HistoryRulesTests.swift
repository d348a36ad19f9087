import CairnModel
import Testing

@testable import CairnKeyspace

@Suite("history rules")
struct HistoryRulesTests {
    private func record(_ key: Key = "config/a", version: Int64, created: Int64 = 1, isLive: Bool = true) -> Record {
        Record(
            key: key, value: "x", version: version, createdVersion: created, createdRef: Ref(created),
            updatedRef: Ref(version), deletedRef: isLive ? nil : Ref(version), leaseID: 1)
    }

    @Test("as many of the last versions are told as the limit says")
    func limits() throws {
        var options = HistoryOptions()
        #expect(try HistoryRules.visible(of: record(version: 9), options) == 1...9)
        options.limit = 3
        #expect(try HistoryRules.visible(of: record(version: 9), options) == 7...9)
        #expect(try HistoryRules.visible(of: record(version: 2), options) == 1...2)
        options.limit = .max
        #expect(try HistoryRules.visible(of: record(version: 9), options) == 1...9)
        options.limit = 0
        let refused = #expect(throws: StoreError.self) { try HistoryRules.visible(of: record(version: 9), options) }
        #expect(refused?.code == .historyOff)
    }

    @Test("the longest prefix decides, also to tell all or nothing")
    func prefixes() {
        var options = HistoryOptions()
        options.limit = 5
        options.limits = [
            .init(prefix: "config/", limit: 2), .init(prefix: "config/deep/", limit: nil),
            .init(prefix: "config/none/", limit: 0),
        ]
        #expect(options.limit(for: "other") == 5)
        #expect(options.limit(for: "config") == 5)
        #expect(options.limit(for: "config/a") == 2)
        #expect(options.limit(for: "config/deep/a") == nil)
        #expect(options.limit(for: "config/none/a") == 0)
    }

    @Test("what came before a key's end is told or not")
    func ended() throws {
        var options = HistoryOptions()
        #expect(try HistoryRules.visible(of: record(version: 9, created: 7), options) == 1...9)
        #expect(try HistoryRules.visible(of: record(version: 9, isLive: false), options) == 1...9)
        options.tellsEnded = false
        #expect(try HistoryRules.visible(of: record(version: 9, created: 7), options) == 7...9)
        #expect(try HistoryRules.visible(of: record(version: 9, isLive: false), options) == nil)
    }

    @Test("a version is the one with the number, or so many before the last")
    func versions() {
        let last = record(version: 9)
        #expect(HistoryRules.version(.version(9), of: last) == 9)
        #expect(HistoryRules.version(.version(10), of: last) == nil)
        #expect(HistoryRules.version(.version(0), of: last) == nil)
        #expect(HistoryRules.version(.back(0), of: last) == 9)
        #expect(HistoryRules.version(.back(8), of: last) == 1)
        #expect(HistoryRules.version(.back(9), of: last) == nil)
        #expect(HistoryRules.version(.back(-1), of: last) == nil)
        #expect(HistoryRules.version(.back(.max), of: last) == nil)
    }

    @Test("a number is a version, so many back, or the current state")
    func numbers() {
        #expect(Revision(number: 0) == nil)
        #expect(Revision(number: 3) == .version(3))
        #expect(Revision(number: -3) == .back(3))
        #expect(Revision(number: .min) == .back(.max))
    }
}
