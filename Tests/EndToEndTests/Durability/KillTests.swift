import CairnClient
import CairnModel
import CairnTestSupport
import Foundation
import Testing

/// The real server, killed under load again and again. What it acknowledged must be there, and nothing else.
@Suite("Durability: kill -9")
struct KillTests {
    /// `CAIRN_KILLS`, or 50.
    static let kills = ProcessInfo.processInfo.environment["CAIRN_KILLS"].flatMap { Int($0) } ?? 50
    private static let writers = 6

    @Test("no acknowledged write is lost, none is invented, and refs have no gaps", .timeLimit(.minutes(20)))
    func killsUnderLoad() async throws {
        let seed = RandomRun.seed
        print("kill -9: \(KillTests.kills) times, CAIRN_SEED=\(seed)")
        var random = SeededGenerator(seed: seed)
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/cairn.db"
            var replay = LogReplay()
            var (acknowledged, unknown, landed) = (0, 0, 0)
            for round in 0..<KillTests.kills {
                // Now and then the server dies while it opens the file that the last kill left behind.
                if random.once(in: 5) { try await killWhileStarting(store) }
                let server = try await ServerProcess.start(store: store, options: ["--log-level", "warning"])
                try await catchUp(&replay, with: server)
                try #require(
                    replay.problems.isEmpty, "round \(round), CAIRN_SEED=\(seed): \(replay.problems.prefix(5))")
                replay.forget()
                let ledger = WriteLedger()
                try await load(server, ledger, round: round, until: 1 + random.below(300), seed: random.next())
                // Read back through the next server: what this one said before it died is not asked of it again.
                let next = try await ServerProcess.start(store: store, options: ["--log-level", "warning"])
                try await catchUp(&replay, with: next)
                replay.compare(with: ledger.all)
                for (name, entry) in ledger.all {
                    if case .acknowledged = entry.outcome { acknowledged += 1 }
                    guard case .unknown = entry.outcome else { continue }
                    unknown += 1
                    if replay.byClient[name] != nil { landed += 1 }
                }
                try #require(
                    replay.problems.isEmpty, "round \(round), CAIRN_SEED=\(seed): \(replay.problems.prefix(5))")
                replay.forget()
                try await next.process.killAndWait()
            }
            print(
                "kill -9: \(replay.head) events, \(acknowledged) acknowledged transactions, "
                    + "\(unknown) with unknown outcome of which \(landed) happened, \(replay.mortalLeases.count) leases"
            )
            try await expectEnd(of: &replay, store, directory + "/cairn.db")
        }
    }

    /// Starts a server and kills it at once, listening or not.
    private func killWhileStarting(_ store: String) async throws {
        let process = try ChildProcess([CairnBinary.path, "serve", "--store", store, "--listen", "127.0.0.1:0"])
        try await process.killAndWait()
    }

    /// Lets writers loose, and kills the server when so many of their transactions are acknowledged.
    private func load(
        _ server: ServerProcess, _ ledger: WriteLedger, round: Int, until count: Int, seed: UInt64
    ) async throws {
        var clients: [CairnClient] = []
        for _ in 0..<KillTests.writers { clients.append(try server.client(attempts: 1)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, client) in clients.enumerated() {
                group.addTask {
                    var writer = RandomWriter("r\(round)-w\(number)", on: client, ledger, seed: seed &+ UInt64(number))
                    await writer.runUntilCut()
                }
            }
            try await ledger.waitForAcknowledged(count)
            server.process.signal(SIGKILL)
        }
        _ = try await server.process.status()
        for client in clients { await client.close() }
    }

    /// Reads the log on to its end, and holds the records against it.
    private func catchUp(_ replay: inout LogReplay, with server: ServerProcess) async throws {
        let client = try server.client()
        // One page, and so one moment. Keys may expire right after it, so the log is taken up to there, then compared.
        let page = try await client.list(ListRequest(range: .all))
        #expect(page.next == nil)
        var events: [Event] = []
        for try await update in try await client.watch(
            WatchRequest(range: .all, start: .ref(replay.head.next), untilHead: true))
        {
            if case .events(let more) = update { events += more }
        }
        for event in events where event.ref <= page.ref { replay.take(event) }
        if replay.head != page.ref { replay.note("the log ends at \(replay.head), and the list says \(page.ref)") }
        replay.compare(with: page.records)
        for event in events where event.ref > page.ref { replay.take(event) }
        await client.close()
    }

    /// After the last kill: what must expire does, once, and the file is whole.
    private func expectEnd(of replay: inout LogReplay, _ store: String, _ file: String) async throws {
        let server = try await ServerProcess.start(store: store)
        try await catchUp(&replay, with: server)
        let client = try server.client()
        let stream = try await client.watch(WatchRequest(range: .all, start: .ref(replay.head.next)))
        var updates = stream.makeAsyncIterator()
        // The test's time limit ends this wait if something never expires.
        while !replay.mortals.isEmpty, let update = try await updates.next() {
            if case .events(let events) = update { for event in events { replay.take(event) } }
        }
        #expect(replay.problems.isEmpty, "\(replay.problems.prefix(5))")
        #expect(try await client.status().headRef == replay.head)
        let leases = try await client.leases(from: 0, limit: 1_000)
        #expect(leases.isEmpty, "leases whose keys have expired are gone")
        await client.close()
        #expect(try await server.stop() == .code(0))
        let check = try ChildProcess(["sqlite3", file, "PRAGMA integrity_check"])
        #expect(try await check.output.all() == Array("ok\n".utf8))
    }
}
