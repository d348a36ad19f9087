import CairnKeyspace
import CairnMemory
import CairnModel
import CairnTestWaits
import Logging
import Synchronization

@testable import CairnSQL

/// A database server in memory, which does what a test tells it: refuses, loses connections, loses data.
final class FakeDatabase: Sendable {
    /// What happens to a commit.
    enum Fate: Sendable {
        /// The error comes instead, and nothing is stored.
        case refused(StoreError)
        /// The connection breaks and the caller doesn't know, but it is stored.
        case storedUnheard
        /// The connection breaks and the caller doesn't know, and it is not stored.
        case lostUnheard
    }

    struct State {
        var tables = MemoryEngine()
        var fates: [Fate] = []
        var isAway = false
        var lastBatches: [Int64: Int64] = [:]
        var replicas: [Int64: String] = [:]
        /// Replicas that were not seen for too long.
        var silent: Set<Int64> = []
        var nextNumber: Int64 = 1
        var time = Timestamp(microseconds: 1_700_000_000_000_000)
        var commits = 0
        /// How often a connection was to be opened, in vain or not.
        var opens = 0
        var beats = 0
        var statements = 0
        var sessions = 0
        var channels: [FakeChannel] = []
        var beatWaiters: [(Int, Resumption<Void>)] = []
    }

    let state = Mutex(State())
    /// The lock on the head row.
    let headLock = Gate(open: 1)

    static let connectionLost = StoreError(.unavailable, "the connection is gone", retry: .unknownOutcome)
    static let away = StoreError(.unavailable, "nobody listens there", retry: .safe)
    static let deadlock = StoreError(.storageBusy, "deadlock", retry: .safe)

    var tables: MemoryEngine { state.withLock { $0.tables } }

    /// Decides what happens to the next commits.
    func doom(_ fates: Fate...) { state.withLock { $0.fates += fates } }

    /// What happens to the next commit, `nil` for nothing special.
    func nextFate() -> Fate? { state.withLock { $0.fates.isEmpty ? nil : $0.fates.removeFirst() } }

    /// Throws if the database can't be reached.
    func reach() throws(StoreError) {
        if state.withLock({ state in
            state.statements += 1
            return state.isAway
        }) {
            throw FakeDatabase.away
        }
    }

    /// Passes an announcement on to all who hear.
    func notify(_ text: String) {
        for channel in state.withLock({ $0.channels }) { channel.deliver(text) }
    }

    /// Returns when there were so many beats.
    func waitForBeats(_ count: Int) async throws {
        try await waiting(for: "\(count) beats") { waiter in
            let isReached = state.withLock { state in
                if state.beats < count { state.beatWaiters.append((count, waiter)) }
                return state.beats >= count
            }
            if isReached { waiter.resume() }
        }
    }

    func noteBeat() {
        let ready = state.withLock { state in
            state.beats += 1
            let beats = state.beats
            defer { state.beatWaiters.removeAll { $0.0 <= beats } }
            return state.beatWaiters.filter { $0.0 <= beats }
        }
        for waiter in ready { waiter.1.resume() }
    }
}

struct FakeHome: ServerHome {
    let name = "fake"
    let place = "fake://here"
    var options = ServerOptions()
    let database: FakeDatabase

    init(_ database: FakeDatabase) {
        self.database = database
        options.beatInterval = .milliseconds(20)
        options.patience = .seconds(5)
    }

    func open(_ role: SessionRole) throws(StoreError) -> FakeSession {
        database.state.withLock { $0.opens += 1 }
        try database.reach()
        database.state.withLock { $0.sessions += 1 }
        return FakeSession(database)
    }

    func prepare(_ session: FakeSession) throws(StoreError) -> [String] { [] }

    func openChannel(_ logger: Logger) throws(StoreError) -> any AnnouncementChannel { FakeChannel(database) }

    /// Opens an engine of this home.
    func engine() throws(StoreError) -> ServerEngine<FakeHome> { try ServerEngine(self, options: options) }
}

final class FakeChannel: AnnouncementChannel {
    let address = ""
    private let database: FakeDatabase
    private let listener = Mutex<(@Sendable (String) -> Void)?>(nil)

    init(_ database: FakeDatabase) { self.database = database }

    func start(_ hear: @escaping @Sendable (String) -> Void) {
        listener.withLock { $0 = hear }
        database.state.withLock { $0.channels.append(self) }
    }

    func deliver(_ text: String) { listener.withLock { $0 }?(text) }
    func send(_ text: String, to replicas: [Replica]) { database.notify(text) }

    func stop() {
        listener.withLock { $0 = nil }
        database.state.withLock { state in state.channels.removeAll { $0 === self } }
    }
}
