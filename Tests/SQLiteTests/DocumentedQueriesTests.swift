import CairnModel
import Foundation
import Testing

@Suite("SQLite: docs/formats/sqlite.md")
struct DocumentedQueriesTests {
    private static let hasShell = (try? output(of: "sqlite3", ["--version"])) != nil

    /// The page, found from this file.
    private static let page = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/formats/sqlite.md")

    @Test("every query shows what the page says it shows", .enabled(if: hasShell, "needs the sqlite3 shell"))
    func queries() throws {
        let directory = try TemporaryDirectory()
        try withEngine(at: directory.file("store.db"), Self.fill)
        let examples = try Example.all(in: String(contentsOf: Self.page, encoding: .utf8))
        #expect(examples.count > 10)
        for example in examples {
            let result = try #require(try output(of: "sh", ["-c", "cd \(directory.path) && \(example.command)"]))
            #expect(result.status == 0, "\(example.command)")
            #expect(result.text == example.output, "\(example.command)")
        }
    }

    @Test("types and contents are told apart as the page says", .enabled(if: hasShell, "needs the sqlite3 shell"))
    func contentTypes() throws {
        let page = try String(contentsOf: Self.page, encoding: .utf8)
        let query = try #require(
            page.components(separatedBy: "```sql\n").dropFirst().compactMap {
                $0.components(separatedBy: "\n```").first
            }
            .first { $0.contains("content_type") })
        let long = "a/" + String(repeating: "b", count: 100) + ";c=" + String(repeating: "d", count: 150)
        try withEngine { store, path throws in
            let sets: [CairnModel.Operation] = [
                .set("a", try Value("one", contentType: "text/plain")), .set("b", "plain"),
                .set("c", try Value("two", contentType: long)), .set("d", try Value("", contentType: "a/b")),
            ]
            for outcome in try store.commit([Transaction(then: sets)], at: 1) { _ = try outcome.get() }
            let text = try output(of: "sqlite3", [path, query])?.text
            #expect(text == "a|text/plain|one\nc|\(long)|two\nd|a/b|\n")
        }
    }

    @Test("every table and column is described")
    func columns() throws {
        let page = try String(contentsOf: Self.page, encoding: .utf8)
        try withEngine { store, path throws in
            let sql = """
                SELECT m.name || ' ' || c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c
                WHERE m.type = 'table' AND m.name NOT LIKE 'grdb%' AND m.name NOT LIKE 'sqlite%'
                """
            guard let columns = try output(of: "sqlite3", [path, sql])?.text else { return }
            for line in columns.split(separator: "\n") {
                let words = line.split(separator: " ")
                let section = page.components(separatedBy: "### `").first { $0.hasPrefix("\(words[0])`") }
                #expect(section?.contains("`\(words[1])`") == true, "\(line)")
            }
        }
    }

    /// Makes the store of the page.
    private static func fill(_ store: StoreDriver) throws {
        let start: Int64 = 1_767_225_600_000_000  // 2026-01-01T00:00:00Z
        let lease = LeaseID.firstChosen
        let request = RequestID(bytes: Array(0..<16))
        func commit(
            _ client: String,
            after milliseconds: Int64,
            _ operations: [CairnModel.Operation],
            _ id: RequestID? = nil
        ) throws {
            let transaction = Transaction(then: operations, clientID: client, requestID: id)
            for outcome in try store.commit([transaction], at: start + milliseconds * 1_000) { _ = try outcome.get() }
        }
        try commit("api", after: 0, [.set("jobs/1", "queued"), .set("jobs/2", "queued")], request)
        try commit("worker-7", after: 1_500, [.set("jobs/1", "running")])
        try commit(
            "worker-7",
            after: 2_000,
            [.grantLease(id: lease, duration: .seconds(30)), .set("workers/7", "alive", lease: lease)]
        )
        try commit("api", after: 3_000, [.delete("jobs/2")])
        try commit("billing", after: 3_250, [.acknowledge(consumer: "billing", through: 3)])
    }
}

/// A command of the page and what it shows.
private struct Example {
    var command: String
    var output: String

    /// The blocks that start with a `$`. A command goes on in lines that start with a space.
    static func all(in page: String) -> [Example] {
        page.components(separatedBy: "```console\n").dropFirst().map { block in
            let lines = block.components(separatedBy: "\n```")[0].split(
                separator: "\n",
                omittingEmptySubsequences: false
            )
            let count = 1 + lines.dropFirst().prefix { $0.hasPrefix(" ") }.count
            let command = lines.prefix(count).joined(separator: "\n").dropFirst(2)
            let output = lines.dropFirst(count)
            return Example(
                command: String(command),
                output: output.isEmpty ? "" : output.joined(separator: "\n") + "\n"
            )
        }
    }
}
