public import CairnKeyspace
public import CairnModel
internal import CairnTestWaits
internal import Synchronization

/// A clock that stands still until a test moves it.
///
/// Moving it wakes the sleepers whose time has come. A test that moves it before a sleeper sleeps loses nothing: a
/// sleep until a time that has come returns at once. ``waitForSleeper(until:)`` lets a test see that somebody waits,
/// without a race.
public final class ManualClock: WallClock {
    private struct Sleeper {
        let time: Timestamp
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct Waiter {
        let isDone: @Sendable ([Timestamp]) -> Bool
        let resumption: Resumption<Void>
    }

    private struct State {
        var now: Timestamp
        var nextID = 0
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []
        var waiters: [Waiter] = []

        /// The waiters whose condition holds now, taken out.
        mutating func takeDoneWaiters() -> [Resumption<Void>] {
            let times = sleepers.values.map(\.time)
            let done = waiters.filter { $0.isDone(times) }
            waiters.removeAll { $0.isDone(times) }
            return done.map(\.resumption)
        }
    }

    private let state: Mutex<State>

    /// A clock that shows `start`: by default a day in 2001.
    public init(_ start: Timestamp = Timestamp(microseconds: 1_000_000_000_000_000)) {
        state = Mutex(State(now: start))
    }

    /// What the clock shows.
    public func now() -> Timestamp { state.withLock { $0.now } }

    /// How many sleep.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// Moves the clock, wakes whose time has come, and returns the new time. A negative duration turns it back.
    @discardableResult
    public func advance(by duration: Duration) -> Timestamp {
        let (now, woken) = state.withLock { state in
            state.now = state.now + duration
            let due = state.sleepers.filter { $0.value.time <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return (state.now, due.values.sorted { $0.time < $1.time })
        }
        for sleeper in woken { sleeper.continuation.resume(returning: true) }
        return now
    }

    /// Returns when the clock has been moved to `time` or beyond.
    public func sleep(until time: Timestamp) async throws(CancellationError) {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let isTime = await withTaskCancellationHandler {
            // As a real clock would: it is for who sleeps to be cancelled.
            await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
                let (isTime, waiters) = state.withLock { state -> (Bool?, [Resumption<Void>]) in
                    if state.cancelled.remove(id) != nil { return (false, []) }
                    if time <= state.now { return (true, []) }
                    state.sleepers[id] = Sleeper(time: time, continuation: continuation)
                    return (nil, state.takeDoneWaiters())
                }
                if let isTime { continuation.resume(returning: isTime) }
                for waiter in waiters { waiter.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                // Cancelled before it slept: the sleep will find it here.
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume(returning: false)
        }
        _ = state.withLock { $0.cancelled.remove(id) }
        if !isTime { throw CancellationError() }
    }

    /// Returns when somebody sleeps until exactly `time`; throws if nobody does in time.
    public func waitForSleeper(until time: Timestamp) async throws {
        try await wait("somebody sleeps until \(time)") { $0.contains(time) }
    }

    /// Returns when at least `count` sleep; throws if they don't in time.
    public func waitForSleepers(_ count: Int) async throws {
        try await wait("\(count) sleep") { $0.count >= count }
    }

    private func wait(_ what: String, _ isDone: @escaping @Sendable ([Timestamp]) -> Bool) async throws {
        try await waiting(for: what) { resumption in
            let isReady = state.withLock { state in
                if isDone(state.sleepers.values.map(\.time)) { return true }
                state.waiters.append(Waiter(isDone: isDone, resumption: resumption))
                return false
            }
            if isReady { resumption.resume() }
        }
    }
}
