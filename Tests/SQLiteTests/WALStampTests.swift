import Testing

@testable import CairnSQLite

@Suite("SQLite: the header of the log")
struct WALStampTests {
    @Test("only the very next commit directly follows")
    func directlyFollows() {
        // The upper half of the word is of other fields.
        let flags: UInt64 = 0x1000_0101 << 32
        let stamp = WALStamp(change: flags | 41)
        #expect(WALStamp(change: flags | 42).directlyFollows(stamp))
        #expect(!WALStamp(change: flags | 41).directlyFollows(stamp))
        #expect(!WALStamp(change: flags | 43).directlyFollows(stamp))
        #expect(!WALStamp(change: flags).directlyFollows(stamp))
        #expect(WALStamp(change: flags).directlyFollows(WALStamp(change: flags | 0xFFFF_FFFF)))
    }
}
