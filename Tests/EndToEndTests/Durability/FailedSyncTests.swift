import CairnClient
import CairnModel
import CairnTestSupport
import Foundation
import Testing

/// The real server, on a disk whose syncs fail.
@Suite(
    "Durability: syncs that fail", .enabled(if: SyncFaults.arePossible, "needs strace and the right to attach it"),
    .timeLimit(.minutes(10)))
struct FailedSyncTests {
    @Test(
        "a put whose sync fails is refused, nothing else is, and no crash brings it back", arguments: [false, true])
    func refused(isFollowed: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/cairn.db"
            let server = try await ServerProcess.start(store: store)
            let client = try server.client(attempts: 1)
            try await client.set("before", "1")
            var updates = try await client.watch(WatchRequest(range: .all)).makeAsyncIterator()
            let faults = try await SyncFaults.attach(to: server, failing: "1", file: directory + "/trace")
            let error = await #expect(throws: StoreError.self) { try await client.set("refused", "1") }
            #expect(error?.code == .storageFailed && error?.retry == .safe, "\(String(describing: error))")
            #expect(try await client.get("refused") == nil)
            #expect(try await client.get("before")?.value == "1")
            #expect(try await client.status().headRef == 1)
            if isFollowed {
                #expect(try await client.set("after", "1").updatedRef == 2)
                #expect(try await nextKeys(&updates) == ["after"])
            }
            await client.close()
            try await server.process.killAndWait()
            #expect(try await faults.failed() >= 1)
            try await withServer(store: store) { second in
                #expect(try await second("list").lines == (isFollowed ? ["after", "before"] : ["before"]))
                let client = try second.client()
                #expect(try await client.status().headRef == (isFollowed ? 2 : 1))
                #expect(try await client.set("refused", "1").version == 1)
                await client.close()
            }
        }
    }

    @Test("a disk that can't be read is told as that, not as a damaged file", arguments: [false, true])
    func unreadable(isInLog: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/cairn.db"
            let first = try await ServerProcess.start(store: store)
            let writer = try first.client()
            for number in 0..<200 {
                try await writer.set(Key("\(number)"), Value(bytes: [UInt8](repeating: 7, count: 20_000)))
            }
            await writer.close()
            // Who is killed leaves its log behind; who ends copies it into the file.
            if isInLog { try await first.process.killAndWait() } else { _ = try await first.stop() }
            try await withServer(store: store) { second in
                let client = try second.client(attempts: 1)
                _ = try await SyncFaults.attach(to: second, failing: "1+", of: "pread64", file: directory + "/trace")
                let error = await #expect(throws: StoreError.self) {
                    _ = try await client.list(ListRequest(range: .all))
                }
                #expect(error?.code == .storageFailed, "\(String(describing: error))")
                #expect(error?.message.contains("Look at the disk") == true, "\(String(describing: error))")
                await client.close()
            }
        }
    }

    @Test("a put with a request id is tried again when its sync has failed, and happens once")
    func triedAgain() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await ServerProcess.start(store: "sqlite:\(directory)/cairn.db")
            let client = try server.client()
            try await client.set("k", "1")
            let faults = try await SyncFaults.attach(to: server, failing: "1", file: directory + "/trace")
            let record = try await client.set("k", "2", requestID: .random())
            #expect(record.version == 2 && record.updatedRef == 2)
            await client.close()
            try await server.process.killAndWait()
            #expect(try await faults.failed() >= 1)
        }
    }

    @Test("when the put can't be undone for sure either, its outcome is told to be unknown", arguments: [false, true])
    func unknown(isFollowed: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/cairn.db"
            let server = try await ServerProcess.start(store: store)
            let client = try server.client()
            try await client.set("before", "1")
            let faults = try await SyncFaults.attach(to: server, failing: "1..2", file: directory + "/trace")
            let transaction = Transaction(then: [.set("unknown", "1")], requestID: .random())
            // Not even with a request id does the client repeat it by itself: the disk is no better a moment later.
            let error = await #expect(throws: StoreError.self) { try await client.commit(transaction) }
            #expect(error?.code == .storageFailed && error?.retry == .unknownOutcome, "\(String(describing: error))")
            #expect(try await client.get("before")?.value == "1", "it goes on")
            if isFollowed { try await client.set("after", "1") }
            await client.close()
            try await server.process.killAndWait()
            #expect(try await faults.failed() >= 2)
            try await withServer(store: store) { second in
                let client = try second.client()
                let found = try await client.get("unknown")
                #expect(found == nil || found?.version == 1)
                #expect(try await client.get("after")?.value == (isFollowed ? "1" : nil))
                // Sent again, it has happened once, whatever became of the first try.
                let again = try await client.commit(transaction)
                #expect(again.succeeded)
                let record = try await client.get("unknown")
                #expect(record?.version == 1)
                #expect(try await client.status().headRef == (isFollowed ? 3 : 2))
                await client.close()
            }
        }
    }

    private static let writers = 6
    private static let acknowledged = 400

    @Test("under load, with syncs that fail again and again: what was acknowledged is there, what was refused is not")
    func load() async throws {
        let seed = RandomRun.seed
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/cairn.db"
            let server = try await ServerProcess.start(store: store, options: ["--log-level", "critical"])
            // Whoever is in a batch that fails is tried again alone; only what fails then too is refused.
            let faults = try await SyncFaults.attach(to: server, failing: "3+3", file: directory + "/trace")
            let ledger = WriteLedger()
            try await write(to: server, ledger, seed: seed)
            #expect(try await faults.failed() > 10)
            let entries = ledger.all.values
            // Without a condition, only the disk can be why.
            let refused = entries.count { $0.outcome.isRefusal && $0.transaction.conditions.isEmpty }
            print("syncs that fail: \(entries.count) transactions, \(refused) refused, CAIRN_SEED=\(seed)")
            #expect(refused > 0)
            var replay = LogReplay()
            let next = try await ServerProcess.start(store: store)
            let client = try next.client()
            for try await update in try await client.watch(
                WatchRequest(range: .all, start: .ref(1), untilHead: true))
            {
                if case .events(let events) = update { for event in events { replay.take(event) } }
            }
            await client.close()
            try await next.process.killAndWait()
            replay.compare(with: ledger.all)
            #expect(replay.problems.isEmpty, "CAIRN_SEED=\(seed): \(replay.problems.prefix(5))")
        }
    }

    /// Has several clients write at once, each of which comes back when it was refused, and kills the server when
    /// enough was acknowledged.
    private func write(to server: ServerProcess, _ ledger: WriteLedger, seed: UInt64) async throws {
        var clients: [CairnClient] = []
        for _ in 0..<FailedSyncTests.writers { clients.append(try server.client(attempts: 1)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, client) in clients.enumerated() {
                group.addTask {
                    var life: UInt64 = 0
                    while ledger.acknowledgedCount < FailedSyncTests.acknowledged {
                        var writer = RandomWriter(
                            "l\(life)-w\(number)", on: client, ledger, seed: seed &+ UInt64(number) &+ life << 8)
                        await writer.runUntilCut()
                        life += 1
                    }
                }
            }
            try await ledger.waitForAcknowledged(FailedSyncTests.acknowledged)
            server.process.signal(SIGKILL)
        }
        _ = try await server.process.status()
        for client in clients { await client.close() }
    }

    private func nextKeys(_ updates: inout WatchStream.Iterator) async throws -> [Key] {
        while let update = try await updates.next() {
            if case .events(let events) = update { return events.map(\.key) }
        }
        return []
    }
}

extension WriteLedger.Outcome {
    fileprivate var isRefusal: Bool {
        if case .refused = self { true } else { false }
    }
}
