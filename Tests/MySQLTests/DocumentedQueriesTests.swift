import CairnModel
import CairnSQL
import CairnTestServers
import CairnTestSupport
import Foundation
import Testing

@testable import CairnMySQL

@Suite("MySQL: docs/formats/mysql.md", .needsMariaDB)
struct DocumentedQueriesTests {
    /// The page, found from this file.
    static let page = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/formats/mysql.md")

    @Test("every query shows what the page says it shows")
    func queries() async throws {
        let server = try await SharedServer.mariaDB()
        let database = try await server.freshDatabase()
        let options = "--no-defaults --table --protocol=tcp -h 127.0.0.1 -P \(server.port) -u root \(database.name)"
        let engine = try ServerEngine(
            MySQLHome(database.url, options: FreshStore.drivenTime), options: FreshStore.drivenTime)
        defer { engine.close() }
        try Self.fill(EngineDriver(engine))
        // Processes number themselves, and this one is the first.
        let examples = try Example.all(in: String(contentsOf: Self.page, encoding: .utf8))
        #expect(examples.count > 10)
        for example in examples {
            let result = try await onThread { try output(of: example.command, environment: ["DATABASE": options]) }
            #expect(result == example.output, "\(example.command)")
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
        let database = try await FreshStore.database()
        let engine = try ServerEngine(
            MySQLHome(database.url, options: FreshStore.drivenTime), options: FreshStore.drivenTime)
        defer { engine.close() }
        let long = "a/" + String(repeating: "b", count: 100) + ";c=" + String(repeating: "d", count: 150)
        let sets: [CairnModel.Operation] = [
            .set("a", try Value("one", contentType: "text/plain")), .set("b", "plain"),
            .set("c", try Value("two", contentType: long)),
        ]
        _ = try EngineDriver(engine).commit([Transaction(then: sets)], at: Timestamp(microseconds: 1_000_000))
        #expect(try await database.sql(query) == "a\ttext/plain\tone\nc\t\(long)\ttwo")
    }

    @Test("every table and column is described")
    func columns() async throws {
        let page = try String(contentsOf: Self.page, encoding: .utf8)
        let database = try await FreshStore.database()
        let home = try MySQLHome(database.url)
        let session = try home.open(.writing)
        _ = try home.prepare(session)
        session.close()
        let columns = try await database.sql(
            """
            SELECT CONCAT(c.table_name, ' ', c.column_name) FROM information_schema.columns AS c
            JOIN information_schema.tables AS t USING (table_schema, table_name)
            WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'
            """)
        #expect(columns.split(separator: "\n").count > 30)
        for line in columns.split(separator: "\n") {
            let words = line.split(separator: " ")
            let section = page.components(separatedBy: "### `").first { $0.hasPrefix("\(words[0])`") }
            #expect(section?.contains("`\(words[1])`") == true, "\(line)")
        }
    }

    @Test("the documented grants are enough for everything, and each of them is needed")
    func grants() async throws {
        let server = try await SharedServer.mariaDB()
        let database = try await FreshStore.database()
        let owner = try MySQLHome(database.url)
        try ServerEngine(owner, options: ServerOptions()).close()
        let page = try String(contentsOf: Self.page, encoding: .utf8)
        let block = try #require(page.components(separatedBy: "```sql\n").dropFirst().first)
        let grants = block.components(separatedBy: "\n```")[0]
            .replacingOccurrences(of: " app.", with: " \(database.name).")
        try await server.sql(grants)
        let url = server.url(database: database.name, user: "cairn_app", password: "secret")
        let options = FreshStore.drivenTime
        let engine = try ServerEngine(MySQLHome(url, options: options), options: options)
        try Self.fill(EngineDriver(engine))
        engine.close()
        // One after the other is taken away.
        for line in grants.split(separator: "\n") where line.hasPrefix("GRANT") {
            let words = line.replacingOccurrences(of: ",", with: "").split(separator: " ")
            let table = words.drop { $0 != "ON" }.dropFirst().prefix(1).joined()
            for right in words.dropFirst().prefix(while: { $0 != "ON" }) {
                let what = "\(right) ON \(table)"
                try await server.sql("REVOKE \(what) FROM cairn_app@'127.0.0.1'")
                let error = #expect(throws: StoreError.self, "\(what)") {
                    let home = try MySQLHome(url)
                    let session = try home.open(.writing)
                    defer { session.close() }
                    _ = try home.prepare(session)
                }
                #expect(error?.code == .permissionDenied, "\(what)")
                try await server.sql("GRANT \(what) TO cairn_app@'127.0.0.1'")
            }
        }
    }

    /// Makes the store of the page.
    private static func fill(_ store: EngineDriver) throws {
        let start: Int64 = 1_767_225_600_000_000  // 2026-01-01T00:00:00Z
        let lease = LeaseID.firstChosen
        let request = RequestID(bytes: Array(0..<16))
        func commit(
            _ client: String, after milliseconds: Int64, _ operations: [CairnModel.Operation], _ id: RequestID? = nil
        ) throws {
            let transaction = Transaction(then: operations, clientID: client, requestID: id)
            let time = Timestamp(microseconds: start + milliseconds * 1_000)
            for outcome in try store.commit([transaction], at: time) { _ = try outcome.get() }
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

/// What a shell command writes.
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
    return String(decoding: data, as: UTF8.self)
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
            let output = text[end...].dropFirst()
            return Example(command: String(text[..<end]), output: output.isEmpty ? "" : output + "\n")
        }
    }
}
