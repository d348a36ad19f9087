import CairnModel
import Testing

@testable import CairnPostgres

@Suite("PostgreSQL: URLs")
struct URLTests {
    @Test("our parameters are ours, and the others libpq's")
    func parameters() throws {
        let url = try PostgresURL(
            "postgresql://me:se%40cret@a:1,[::1]:2/db?schema=my%20schema&sslmode=require&pooled=true&listen=b:3"
                + "&readers=7"
        )
        #expect(url.schema == "my schema")
        #expect(url.isPooled == true)
        #expect(url.listen?.host == "b" && url.listen?.port == "3")
        #expect(url.readers == 7)
        #expect(url.options["password"] == "se@cret")
        #expect(url.options["sslmode"] == "require")
        #expect(url.options["dbname"] == "db")
        #expect(url.hosts?.map { "\($0.name) \($0.port)" } == ["a 1", "::1 2"])
        #expect(url.place == "postgres://me@a:1,::1:2/db?schema=my schema")
    }

    @Test("what isn't said has a value that suits most")
    func defaults() throws {
        let url = try PostgresURL("postgres:///db")
        #expect(url.schema == "cairn" && url.isPooled == nil && url.listen == nil && url.readers == nil)
        #expect(url.hosts == nil)
        #expect(try PostgresURL("postgres://a,b/db").hosts?.map(\.port) == ["5432", "5432"])
        #expect(try PostgresURL("postgres://a,b/db?port=7").hosts?.map(\.port) == ["7", "7"])
        #expect(try PostgresURL("postgres:///db?host=/run/pg").hosts?.map(\.name) == ["/run/pg"])
        #expect(try PostgresURL("postgres://h/db?listen=[::1]:5").listen?.host == "::1")
        #expect(try PostgresURL("postgres://h/db?pooled=false").isPooled == false)
    }

    @Test(
        "a URL that makes no sense is refused, in words that hold no password",
        arguments: [
            "mysql://h/db", "postgres://u:secret@h/db?schema=", "postgres://u:secret@h/db?schema=pg_own",
            "postgres://u:secret@h/db?readers=0", "postgres://u:secret@h/db?readers=many",
            "postgres://u:secret@h/db?pooled=perhaps", "postgres://u:secret@h/db?listen=h",
            "postgres://u:secret@h/db?listen=h:http", "postgres://u:secret@h/db?schema=a&schema=b",
            "postgres://u:secret@h/db?schemer=a", "postgres://u:secret@[h/db", "postgres://u:secret@h:1:2/d@b?x",
            "postgres://u:sec%zzret@h/db", "postgres://u:secret@h/db?schema=%zz",
            "postgres://u:secret@h/db?schema=\(String(repeating: "x", count: 64))",
        ])
    func refused(_ url: String) {
        let error = failure { _ = try PostgresURL(url) }
        #expect(error?.code == .invalidURL)
        #expect(error?.message.contains("secret") == false, "\(error?.message ?? "")")
        #expect(error?.message.contains("ret@") == false, "\(error?.message ?? "")")
    }

    @Test("names are quoted, and a channel's is no longer than PostgreSQL takes")
    func names() {
        #expect(Names("a\"b").qualified("head") == "\"a\"\"b\".\"head\"")
        #expect(Names("cairn").channel == "cairn:cairn")
        let long = Names(String(repeating: "x", count: 60))
        #expect(long.channel.utf8.count <= 63)
        #expect(long.channel != Names(String(repeating: "x", count: 61)).channel)
    }
}
