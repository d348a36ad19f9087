import Testing

@testable import CairnMySQL

@Suite("MySQL: literals")
struct LiteralTests {
    @Test("numbers in decimal", arguments: [0, 7, -1, 1_234_567_890, Int64.max, .min])
    func numbers(_ number: Int64) {
        let sql: SQL = "SELECT \(number)"
        #expect(sql.text == "SELECT \(number)")
    }

    @Test("bytes in hexadecimal, and nothing of them as they are")
    func bytes() {
        let sql: SQL = "SELECT \(Array("a';--".utf8)), \([] as [UInt8]), \([0, 0xFF, 0x27] as [UInt8])"
        #expect(sql.text == "SELECT X'61273B2D2D', X'', X'00FF27'")
    }

    @Test("what may be missing is NULL")
    func missing() {
        var sql = SQL()
        sql.append(nil as Int64?)
        sql.append(5 as Int64?)
        sql.append(optionalHex: nil)
        sql.append(optionalHex: [1])
        #expect(sql.text == "NULL5NULLX'01'")
    }

    @Test("names are letters, digits and underscores, in backticks")
    func names() throws {
        let name = try #require(Identifier("cairn_2"))
        let sql: SQL = "SELECT 1 FROM \(name)"
        #expect(sql.text == "SELECT 1 FROM `cairn_2`")
        for bad in ["", "a`b", "a b", "a.b", "ä", String(repeating: "a", count: 65)] { #expect(Identifier(bad) == nil) }
    }

    @Test("statements are counted")
    func counted() {
        var sql: SQL = "SELECT 1"
        sql.then("SELECT 2")
        sql.append(", 3" as SQL)
        let all = sql.followed(by: sql)
        #expect(all.count == 4)
        #expect(all.text == "SELECT 1;SELECT 2, 3;SELECT 1;SELECT 2, 3")
        var more: SQL = "SET @a = \(Array(";".utf8))"
        more.append(";SELECT 4;SELECT \(5 as Int64)" as SQL)
        let statements = (0..<more.count).map { String(decoding: more.bytes[more.range(of: $0)], as: UTF8.self) }
        #expect(statements == ["SET @a = X'3B'", "SELECT 4", "SELECT 5"])
    }
}
