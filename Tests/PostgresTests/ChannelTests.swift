import CairnModel
import CairnPostgres
import CairnSQL
import CairnTestServers
import CairnTestWaits
import Synchronization
import Testing

@Suite("PostgreSQL: notifications", .enabled(if: hasPostgres, postgresReason))
struct ChannelTests {
    /// What a channel has heard, in order.
    private final class Heard: Sendable {
        private let texts = Mutex<[String]>([])
        func note(_ text: String) { texts.withLock { $0.append(text) } }
        var all: [String] { texts.withLock { $0 } }

        func wait(until condition: ([String]) -> Bool) async throws {
            try await eventually("what was announced is heard") { condition(all) }
        }
    }

    private func open(_ home: PostgresHome) async throws -> (any AnnouncementChannel, Heard) {
        let channel = try await blocking { try home.openChannel(home.options.logger) }
        let heard = Heard()
        channel.start { heard.note($0) }
        return (channel, heard)
    }

    @Test("batches are heard with their commit, by the replicas of the same schema alone", .timeLimit(.minutes(1)))
    func batches() async throws {
        let (test, elsewhere) = (try await TestHome(), try await TestHome())
        let (channel, heard) = try await open(test.home())
        let (deaf, nothing) = try await open(elsewhere.home())
        #expect(channel.address == "")
        let (engine, other) = (try await test.engine(), try await test.engine())
        try await blocking { () throws in
            try engine.run(.set("a", "1"))
            try other.run(.set("a", "2"))
        }
        try await heard.wait { $0.last == "\(other.replica) 2 -" }
        // Each has greeted when it came.
        #expect(
            heard.all == [
                "\(engine.replica) 0 -", "\(other.replica) 0 -", "\(engine.replica) 1 -", "\(other.replica) 2 -",
            ])
        #expect(nothing.all.isEmpty)
        try await blocking { () throws in
            for channel in [channel, deaf] { channel.stop() }
            channel.stop()
            for engine in [engine, other] { engine.close() }
        }
    }

    @Test("a replica that is alone keeps silent")
    func alone() async throws {
        let test = try await TestHome()
        let engine = try await test.engine()
        let (channel, heard) = try await open(test.home())
        try await blocking { () throws in
            for number in 0..<5 { try engine.run(.set("a", Value("\(number)"))) }
            try engine.session.leave(engine.replica)
        }
        try await heard.wait { !$0.isEmpty }
        #expect(heard.all == ["\(engine.replica) 0 -"])
        try await blocking { () throws in
            channel.stop()
            engine.close()
        }
    }

    @Test("after the server was away, the channel listens again and says that something may be missing")
    func reconnects() async throws {
        try await PostgresServer.with { server in
            let test = try await TestHome(on: server)
            try await test.engine().close()
            let (channel, heard) = try await open(test.home())
            for _ in 0..<2 {
                let before = heard.all.count
                try await server.restart()
                try await heard.wait { $0.dropFirst(before).contains("") }
            }
            let (engine, other) = (try await test.engine(), try await test.engine())
            try await blocking { () throws in try engine.run(.set("a", "1")) }
            try await heard.wait { $0.last == "\(engine.replica) 1 -" }
            try await blocking { () throws in
                channel.stop()
                for engine in [engine, other] { engine.close() }
            }
        }
    }

    @Test("a channel can be stopped while the server is away, and without having been started")
    func stopping() async throws {
        try await PostgresServer.with { server in
            let test = try await TestHome(on: server)
            let (channel, _) = try await open(test.home())
            let unstarted = try await blocking { try test.home().openChannel(test.home().options.logger) }
            try await server.kill()
            try await blocking { () throws in
                unstarted.stop()
                channel.stop()
            }
        }
    }
}
