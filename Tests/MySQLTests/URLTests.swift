import CairnModel
import Testing

@testable import CairnMySQL

@Suite("MySQL: URLs")
struct URLTests {
    @Test("all that a URL can say")
    func everything() throws {
        let url = try MySQLURL(
            """
            mariadb://us%40er:p%3Aa%2Fss@db1:3307,[::1]:3308,db2/my%20base?prefix=kv_&announce=10.0.0.5:7000&readers=9\
            &tls=verify&ca=%2Fetc%2Fca.pem&cert=c&key=k
            """)
        #expect(url.user == "us@er")
        #expect(url.password == "p:a/ss")
        #expect(url.database == "my base")
        #expect(url.hosts.map(\.name) == ["db1", "::1", "db2"])
        #expect(url.hosts.map(\.port) == [3_307, 3_308, 3_306])
        #expect(url.announce == "10.0.0.5:7000")
        #expect(url.readers == 9)
        #expect(url.tls == .init(mode: .verify, authority: "/etc/ca.pem", certificate: "c", key: "k"))
        #expect(Names(prefix: url.prefix).head.text == "kv_head")
        #expect(url.place == "mariadb://us@er@db1:3307,[::1]:3308,db2:3306/my base")
    }

    @Test("what isn't said")
    func defaults() throws {
        let url = try MySQLURL("mysql://app@db/base")
        #expect(url.password.isEmpty && url.announce == nil && url.readers == nil && url.tls.mode == .off)
        #expect(Names(prefix: url.prefix).records.text == "cairn_records")
        #expect(Names(prefix: try MySQLURL("mysql://app@db/base?prefix=").prefix).records.text == "records")
        #expect(try MySQLURL("mysql://app@localhost/base?socket=/run/my.sock").hosts.first?.socket == "/run/my.sock")
        // A password with an "@" in it that should have been encoded.
        #expect(try MySQLURL("mysql://app:p@ss@db/base").password == "p@ss")
    }

    @Test(
        "a URL that makes no sense is refused without telling the password",
        arguments: [
            "mysql:app@db/base", "mysql://app:hidden@db", "mysql://app:hidden@db/", "mysql://db/base",
            "mysql://:hidden@db/base", "mysql://app:hidden@db:x/base", "mysql://app:hidden@:3306/base",
            "mysql://app:hidden@db:70000/base", "mysql://app:hidden@db,/base", "mysql://app:hidden@db/base?prefix=a-b",
            "mysql://app:hidden@db/base?prefix=\(String(repeating: "a", count: 49))",
            "mysql://app:hidden@db/base?readers=0", "mysql://app:hidden@db/base?readers=many",
            "mysql://app:hidden@db/base?tls=yes", "mysql://app:hidden@db/base?ca=x",
            "mysql://app:hidden@db/base?tls=off&ca=x", "mysql://app:hidden@db/base?announce=host",
            "mysql://app:hidden@db/base?color=red", "mysql://app:hidden@db/base?readers=1&readers=2",
            "mysql://app:hidden%zz@db/base", "mysql://app:hidden@db/base%00", "mysql://app:hidden@db/base?socket=/s",
        ])
    func refused(_ text: String) {
        let error = #expect(throws: StoreError.self) { try MySQLURL(text) }
        #expect(error?.code == .invalidURL)
        #expect(error?.message.contains("hidden") == false)
    }
}
