import CairnModel
import CairnPostgres
import CairnSQL
import CairnTestServers
import Foundation
import Testing

@Suite("PostgreSQL: docs/formats/postgres.md", .enabled(if: hasPostgres, postgresReason))
struct DocumentedQueriesTests {
    /// The page, found from this file.
    static let page = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/formats/postgres.md")

    @Test("every query shows what the page says it shows")
    func queries() async throws {
        let database = try await SharedServer.postgres().freshDatabase()
        var options = ServerOptions()
        options.usesDatabaseClock = false
        let home = try PostgresHome(database.url, options: options)
        let engine = try await blocking { try SessionEngine(home) }
        let examples = try Example.all(in: String(contentsOf: Self.page, encoding: .utf8))
        #expect(examples.count > 10)
        try await blocking { () throws in
            defer { engine.close() }
            try Self.fill(engine)
            for example in examples {
                let result = try output(of: example.command, environment: ["DATABASE": database.url, "PGTZ": "UTC"])
                #expect(result == example.output, "\(example.command)")
            }
        }
    }

    @Test("types and contents are told apart as the page says")
    func contentTypes() async throws {
        let page = try String(contentsOf: Self.page, encoding: .utf8)
        let query = try #require(
            page.components(separatedBy: "```sql\n").dropFirst().compactMap {
                $0.components(separatedBy: "\n```").first
            }
            .first { $0.contains("content_type") })
        let test = try await TestHome()
        let engine = try await test.engine()
        let long = "a/" + String(repeating: "b", count: 100) + ";c=" + String(repeating: "d", count: 150)
        try await blocking { () throws in
            defer { engine.close() }
            try engine.run(
                .set("a", Value("one", contentType: "text/plain")), .set("b", "plain"),
                .set("c", Value("two", contentType: long)))
        }
        let found = try await test.sql(query.replacingOccurrences(of: "cairn.", with: "$."))
        #expect(found == #"a|text/plain|\x6f6e65"# + "\nc|\(long)|" + #"\x74776f"#)
    }

    @Test("every table and column is described")
    func columns() async throws {
        let page = try String(contentsOf: Self.page, encoding: .utf8)
        let test = try await TestHome()
        try await test.engine().close()
        let columns = try await test.sql(
            """
            SELECT c.table_name || ' ' || c.column_name FROM information_schema.columns AS c
            JOIN information_schema.tables AS t USING (table_schema, table_name)
            WHERE c.table_schema = '\(test.schema)' AND t.table_type = 'BASE TABLE'
            """)
        #expect(columns.split(separator: "\n").count > 30)
        for line in columns.split(separator: "\n") {
            let words = line.split(separator: " ")
            let section = page.components(separatedBy: "### `").first { $0.hasPrefix("\(words[0])`") }
            #expect(section?.contains("`\(words[1])`") == true, "\(line)")
        }
    }

    @Test("views show bytes that are no text with escapes")
    func escapes() async throws {
        let test = try await TestHome()
        let engine = try await test.engine()
        try await blocking { () throws in
            defer { engine.close() }
            try engine.run(
                .set(Key(bytes: [0xFF, 0, 0x61]), Value(bytes: [0, 1])), .set("é", "\u{1F426}"),
                .acknowledge(consumer: "a\0b", through: 0))
        }
        #expect(
            try await test.sql("SELECT key, value FROM $.records_text ORDER BY updated_ref")
                == #"\377\000a|\000\#u{01}"# + "\né|🐦")
        #expect(
            try await test.sql("SELECT key, value FROM $.events_text ORDER BY ref") == #"\377\000a|\000\#u{01}"#
                + "\né|🐦")
        #expect(try await test.sql("SELECT name FROM $.consumers_text") == #"a\000b"#)
    }

    /// Makes the store of the page.
    private static func fill(_ engine: SessionEngine) throws {
        let start: Int64 = 1_767_225_600_000_000  // 2026-01-01T00:00:00Z
        let lease = LeaseID.firstChosen
        let request = RequestID(bytes: Array(0..<16))
        func commit(
            _ client: String, after milliseconds: Int64, _ operations: [CairnModel.Operation], _ id: RequestID? = nil
        ) throws {
            try engine.run(
                Transaction(then: operations, clientID: client, requestID: id), at: start + milliseconds * 1_000)
        }
        try commit("api", after: 0, [.set("jobs/1", "queued"), .set("jobs/2", "queued")], request)
        try commit("worker-7", after: 1_500, [.set("jobs/1", "running")])
        try commit(
            "worker-7", after: 2_000,
            [.grantLease(id: lease, duration: .seconds(30)), .set("workers/7", "alive", lease: lease)])
        try commit("api", after: 3_000, [.delete("jobs/2")])
        try commit("billing", after: 3_250, [.acknowledge(consumer: "billing", through: 3)])
    }
}

/// What a shell command writes, without spaces at the ends of its lines and without empty lines at its end.
private func output(of command: String, environment: [String: String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command + " 2>&1"]
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return trimmed(String(decoding: data, as: UTF8.self))
}

private func trimmed(_ text: String) -> String {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        String(line.reversed().drop { $0 == " " }.reversed())
    }
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n")
}

/// A command of the page and what it shows.
private struct Example {
    var command: String
    var output: String

    /// The blocks that start with a `$`. A command goes on until its quotation ends.
    static func all(in page: String) -> [Example] {
        page.components(separatedBy: "```console\n").dropFirst().map { block in
            let text = block.components(separatedBy: "\n```")[0].dropFirst(2)
            let start = text.firstIndex(of: "\"").map { text.index(after: $0) } ?? text.startIndex
            let end = text[start...].firstIndex(of: "\"").map { text.index(after: $0) } ?? text.endIndex
            return Example(command: String(text[..<end]), output: trimmed(String(text[end...].dropFirst())))
        }
    }
}
