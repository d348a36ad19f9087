import CairnClient
import CairnModel
import CairnTestSupport
import Foundation
import Testing

/// The real server with snapshots, killed under load again and again. What its last snapshot promised must be there.
@Suite("Snapshots: kill -9")
struct SnapshotKillTests {
    /// `CAIRN_KILLS`, or 50, and fewer of them here.
    private static let kills = max(1, KillTests.kills * 2 / 5)
    private static let writers = 4

    @Test("what was acknowledged before a snapshot is there, and nothing is invented", .timeLimit(.minutes(10)))
    func killsUnderLoad() async throws {
        let seed = RandomRun.seed
        var random = SeededGenerator(seed: seed)
        try await withTemporaryDirectory { directory in
            let options = [
                "--snapshot-to", "file:\(directory)/snapshots", "--snapshot-interval", "20ms", "--snapshot-keep", "3",
                "--log-level", "warning",
            ]
            // Everything that any server has ever acknowledged or may have done, by its name.
            var asked: [String: WriteLedger.Entry] = [:]
            var promised: [Event] = []
            var (kept, lost) = (0, 0)
            for round in 0..<SnapshotKillTests.kills {
                let server = try await ServerProcess.start(options: options)
                let events = try await log(of: server)
                #expect(events.prefix(promised.count) == promised[...], "round \(round), CAIRN_SEED=\(seed)")
                try check(events, asked: asked)
                let names = Set(events.map(\.clientID))
                for (name, entry) in asked {
                    guard case .acknowledged = entry.outcome else { continue }
                    if names.contains(name) { kept += 1 } else { lost += 1 }
                }
                asked = asked.filter { names.contains($0.key) }
                let ledger = WriteLedger()
                promised = try await load(server, ledger, round: round, until: 20 + random.below(300), random.next())
                asked.merge(ledger.all) { $1 }
            }
            print("snapshots: \(kept) acknowledged transactions were kept over a kill -9, \(lost) were lost")
            #expect(kept > 0)
            let files = try FileManager.default.contentsOfDirectory(atPath: directory + "/snapshots")
            #expect(files.count { $0.hasSuffix(".cairnsnap") } <= 4, "\(files)")
        }
    }

    /// Every event of the log, which is whole, and fits the records.
    private func log(of server: ServerProcess) async throws -> [Event] {
        let client = try server.client()
        let page = try await client.list(ListRequest(range: .all))
        var events: [Event] = []
        for try await update in try await client.watch(
            WatchRequest(range: .all, start: .ref(.zero), untilHead: true))
        {
            if case .events(let more) = update { events += more }
        }
        var replay = LogReplay()
        for event in events where event.ref <= page.ref { replay.take(event) }
        replay.compare(with: page.records)
        for event in events where event.ref > page.ref { replay.take(event) }
        #expect(replay.problems.isEmpty, "\(replay.problems.prefix(5))")
        await client.close()
        return events
    }

    /// Every event is of a transaction that was asked for and not refused, and none of it is missing.
    private func check(_ events: [Event], asked: [String: WriteLedger.Entry]) throws {
        var counts: [String: Int] = [:]
        for event in events where !event.clientID.isEmpty { counts[event.clientID, default: 0] += 1 }
        for event in events where !event.clientID.isEmpty {
            let entry = try #require(asked[event.clientID], "\(event.clientID) was never asked for")
            if case .refused = entry.outcome { Issue.record("\(event.clientID) was refused, and is there") }
            #expect(counts[event.clientID] == Int(event.transactionCount))
        }
    }

    /// Lets writers loose, asks for a snapshot on the way, and kills the server a little later. Returns the events that
    /// the snapshot must hold.
    private func load(
        _ server: ServerProcess, _ ledger: WriteLedger, round: Int, until count: Int, _ seed: UInt64
    ) async throws -> [Event] {
        var clients: [CairnClient] = []
        for _ in 0..<SnapshotKillTests.writers { clients.append(try server.client(attempts: 1)) }
        let observer = try server.client(attempts: 1)
        let promised = try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, client) in clients.enumerated() {
                group.addTask {
                    var writer = RandomWriter("r\(round)-w\(number)", on: client, ledger, seed: seed &+ UInt64(number))
                    await writer.runUntilCut()
                }
            }
            try await ledger.waitForAcknowledged(count)
            let acknowledged = ledger.all
            let snapshot = try await observer.createSnapshot()
            let promised = try await events(upTo: snapshot.headRef, of: observer)
            let names = Set(promised.map(\.clientID))
            for (name, entry) in acknowledged {
                if case .acknowledged(let result) = entry.outcome, result.makesEvents {
                    #expect(names.contains(name), "\(name) was acknowledged before the snapshot, and is not in it")
                }
            }
            try await ledger.waitForAcknowledged(ledger.acknowledgedCount + count / 2)
            server.process.signal(SIGKILL)
            try await group.waitForAll()
            return promised
        }
        _ = try await server.process.status()
        for client in clients + [observer] { await client.close() }
        return promised
    }

    private func events(upTo ref: Ref, of client: CairnClient) async throws -> [Event] {
        var events: [Event] = []
        for try await update in try await client.watch(
            WatchRequest(range: .all, start: .ref(.zero), untilHead: true))
        {
            if case .events(let more) = update { events += more }
        }
        return events.filter { $0.ref <= ref }
    }
}

extension TransactionResult {
    /// Whether there must be events of it.
    fileprivate var makesEvents: Bool {
        results.contains { result in
            switch result {
            case .written: true
            case .deleted(let records): !records.isEmpty
            default: false
            }
        }
    }
}
