import CairnConformance
import CairnKeyspace
import CairnMemory
import CairnModel
import CairnSQL
import CairnTestServers
import CairnTestSupport
import Testing

@testable import CairnPostgres

@Suite(
    "PostgreSQL: behind a pooler",
    .enabled(if: PgBouncer.unavailableReason == nil, Comment(rawValue: PgBouncer.unavailableReason ?? "")))
struct PoolerTests {
    private func withPooler(_ body: (PgBouncer, TestHome) async throws -> Void) async throws {
        let test = try await TestHome()
        try await PgBouncer.with(before: test.server, connections: 3) { try await body($0, test) }
    }

    private func home(_ pooler: PgBouncer, _ test: TestHome, _ parameters: String) throws -> PostgresHome {
        var options = ServerOptions()
        options.usesDatabaseClock = false
        return try PostgresHome(
            "\(pooler.url(database: "postgres"))?schema=\(test.schema)\(parameters)", options: options)
    }

    @Test("a pooler is noticed, and nothing is left on its connections", arguments: ["", "&pooled=true"])
    func noticed(_ parameters: String) async throws {
        try await withPooler { pooler, test in
            let home = try home(pooler, test, parameters)
            let engines = try await blocking { try (0..<5).map { _ in try SessionEngine(home) } }
            try await blocking { () throws in
                defer { for engine in engines { engine.close() } }
                #expect(engines.allSatisfy { $0.session.connection.isPooled })
                for round in 0..<20 {
                    for (number, engine) in engines.enumerated() {
                        try engine.run(.set(Key("\(number)"), Value("\(round)")))
                        #expect(try engine.record(Key("\(number)"))?.version == Int64(round + 1))
                        #expect(try engine.head().lastRef == Ref(Int64(round * 5 + number + 1)))
                    }
                }
            }
            try await PoolerTests.expectNothingLeft(on: pooler, test)
        }
    }

    /// Looks at the server's connections through the pooler.
    private static func expectNothingLeft(on pooler: PgBouncer, _ test: TestHome) async throws {
        let url = try PostgresURL(pooler.url(database: "postgres"))
        try await blocking { () throws in
            for _ in 0..<6 {
                let connection = try Connection.open(url, for: .writing)
                connection.isPooled = true
                let look = Statement(
                    "",
                    """
                    SELECT (SELECT count(*) FROM pg_prepared_statements WHERE name <> ''),
                        current_setting('enable_sort'), current_setting('lock_timeout')
                    """)
                let rows = try connection.run(Call(look))
                #expect(rows.integer(0, 0) == 0 && rows.text(0, 1) == "on" && rows.text(0, 2) == "0")
                connection.close()
            }
        }
    }

    @Test("a pooler that the URL denies is found out by what is missing, and nothing is lost")
    func denied() async throws {
        try await withPooler { pooler, test in
            let home = try home(pooler, test, "&pooled=false")
            try await blocking { () throws in
                let engines = try (0..<4).map { _ in try Self.again { try SessionEngine(home) } }
                defer { for engine in engines { engine.close() } }
                for round in 0..<10 {
                    for engine in engines { try Self.again { try engine.run(.set("a", Value("\(round)"))) } }
                }
                #expect(try Self.again { try engines[0].record("a")?.version } == 40)
                #expect(home.suspicion.isRaised)
            }
        }
    }

    /// Does what meets a connection without its statements again: it was undone.
    @discardableResult
    private static func again<Value>(_ body: () throws -> Value) throws -> Value {
        for _ in 0..<20 {
            do {
                return try body()
            } catch let error as StoreError where error.code == .storageBusy && error.retry == .safe { continue }
        }
        return try body()
    }

    @Test("nothing can be heard through a pooler, so the URL has to say where to listen")
    func listening() async throws {
        try await withPooler { pooler, test in
            let deaf = try home(pooler, test, "")
            let error = try await blocking { failure { _ = try deaf.openChannel(deaf.options.logger) } }
            #expect(error?.code == .unsuitableHome && error?.message.contains("listen=") == true)
            let home = try home(pooler, test, "&listen=127.0.0.1:\(test.server.port)")
            try await blocking { try home.openChannel(home.options.logger).stop() }
        }
    }

    @Test(
        "conforms", .timeLimit(.minutes(10)),
        arguments: Check.all(for: .databaseServer, canDriveTime: true).filter { $0.name.contains("stream") })
    func conforms(_ check: Check) async throws {
        try await withPooler { pooler, test in
            let home = try home(pooler, test, "&listen=127.0.0.1:\(test.server.port)&readers=2")
            let clock = ManualClock()
            let engine = try await blocking { try ServerEngine(home, options: home.options) }
            let store = try await Keyspace.open(engine, clock: clock)
            try await check.run(ConformanceStore(store, advance: { clock.advance(by: $0) }))
            await store.close()
        }
    }

    @Test("random histories")
    func histories() async throws {
        for number in 0..<5 as Range<UInt64> {
            try await withPooler { pooler, test in
                let home = try home(pooler, test, "")
                try await blocking { () throws in
                    let engine = try SessionEngine(home)
                    defer { engine.close() }
                    if let difference = try compare(engine, MemoryEngine(), seed: RandomRun.seed &+ number) {
                        throw difference
                    }
                }
            }
        }
    }
}
