import CairnModel
import Testing

/// The proofs themselves: a checker that finds nothing wrong with what is wrong proves nothing.
@Suite("Durability: the checkers")
struct ProofTests {
    private func event(
        _ ref: Int64, _ kind: Event.Kind = .created, key: Key = "k", version: Int64 = 1, previous: Ref? = nil,
        created: Ref? = nil, client: String = "", place: Int32 = 0, of count: Int32 = 1
    ) -> Event {
        Event(
            ref: Ref(ref), kind: kind, key: key, version: version, value: kind.endsKey ? nil : "v", leaseID: 1,
            createdRef: created ?? Ref(ref), createdVersion: 1, previousRef: previous, time: Timestamp(microseconds: 0),
            clientID: client, transactionIndex: place, transactionCount: count)
    }

    private func problems(
        _ events: [Event], asked entries: [String: WriteLedger.Entry] = [:], listed: [Record]? = nil
    ) -> [String] {
        var replay = LogReplay()
        for event in events { replay.take(event) }
        replay.compare(with: entries)
        if let listed { replay.compare(with: listed) }
        return replay.problems
    }

    private func entry(_ outcome: WriteLedger.Outcome) -> WriteLedger.Entry {
        WriteLedger.Entry(transaction: Transaction(then: [.set("k", "v")]), outcome: outcome, isMortal: false)
    }

    @Test("a sound log has no problems")
    func sound() {
        let events = [
            event(1, client: "a"), event(2, .updated, version: 2, previous: 1, created: 1, client: "b"),
            event(3, .expired, version: 3, previous: 2, created: 1),
        ]
        let done = TransactionResult(results: [.written(Record(after: events[0]))], ref: 1)
        let asked = ["a": entry(.acknowledged(done)), "b": entry(.unknown), "c": entry(.refused), "d": entry(.unknown)]
        #expect(problems(events, asked: asked, listed: []).isEmpty)
    }

    @Test("a gap, a version twice, an expiry twice and a torn transaction are found")
    func brokenLogs() {
        #expect(!problems([event(1), event(3, key: "l")]).isEmpty)
        #expect(!problems([event(1), event(2, .updated, version: 1, previous: 1, created: 1)]).isEmpty)
        let expired = event(2, .expired, version: 2, previous: 1, created: 1)
        #expect(!problems([event(1), expired, event(3, .expired, version: 3, previous: 2, created: 1)]).isEmpty)
        #expect(!problems([event(1, place: 0, of: 2), event(2, key: "l")]).isEmpty)
    }

    @Test("a lost write, an invented one, one that happened twice and a wrong list are found")
    func brokenPromises() {
        let written = event(1, client: "a")
        let done = TransactionResult(results: [.written(Record(after: written))], ref: 1)
        #expect(!problems([], asked: ["a": entry(.acknowledged(done))]).isEmpty)
        #expect(!problems([written]).isEmpty, "nobody asked for it")
        #expect(!problems([written], asked: ["a": entry(.refused)]).isEmpty)
        let again = event(2, .updated, version: 2, previous: 1, created: 1, client: "a")
        #expect(!problems([written, again], asked: ["a": entry(.unknown)]).isEmpty)
        #expect(!problems([written], asked: ["a": entry(.unknown)], listed: []).isEmpty)
    }

    @Test("a trace is believed only when a sync of the log lies between write and answer")
    func traces() {
        let write = #"7 pwrite64(5</d/cairn.db-wal>, "..put-1-end..", 4096, 32) = 4096"#
        let sync = "7 fdatasync(5</d/cairn.db-wal>) = 0"
        let answer = #"9 writev(8<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base="..put-1-end..", iov_len=70}], 1) = 70"#
        func problem(_ lines: String...) -> String? {
            SystemCallTrace(lines.joined(separator: "\n")).problem(with: "put-1-end")
        }
        #expect(problem(write, sync, answer) == nil)
        let begun = "7 fdatasync(5</d/cairn.db-wal> <unfinished ...>"
        let ended = "7 <... fdatasync resumed>) = 0"
        #expect(problem(write, begun, ended, answer) == nil)
        #expect(problem(write, answer) != nil, "as with synchronous=NORMAL")
        #expect(problem(write, answer, sync) != nil)
        #expect(problem(sync, write, answer) != nil)
        #expect(problem(write, begun, answer, ended) != nil, "the sync has not ended")
        #expect(problem(begun, write, ended, answer) != nil, "the sync began before the write")
        #expect(problem(write, "7 fdatasync(5</d/cairn.db-wal>) = -1 EIO (Input/output error)", answer) != nil)
        #expect(problem(write, "7 fdatasync(6</d/cairn.db>) = 0", answer) != nil, "another file")
        #expect(problem(write, sync) != nil && problem(sync, answer) != nil)
    }
}
