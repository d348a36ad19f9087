internal import Logging
internal import Synchronization

/// The calls of a server that may last, looked at once a second: those end whose token, certificate or permission has
/// been taken away or has expired.
///
/// Looked at by the clock and not by timers for each: an expiry is a time of day, which may jump, and what a look costs
/// is reading one number if nothing has changed. While no such call is open, nothing runs.
final class OpenCalls: Sendable {
    private struct State {
        var calls: [Int: OpenCall] = [:]
        var lastNumber = 0
        var isWatched = false
    }

    /// How long a call may go on at most after it would be refused.
    private static let pause = Duration.seconds(1)
    /// After so many the thread is offered to others.
    private static let share = 128

    private let logger: Logger
    private let state = Mutex(State())

    init(logger: Logger) { self.logger = logger }

    /// Has the call looked at for as long as `body` runs, in which ``Caller/openCall`` is the call.
    func during(_ call: OpenCall, _ body: () async throws -> Void) async throws {
        let (number, begins) = state.withLock { state in
            state.lastNumber += 1
            state.calls[state.lastNumber] = call
            defer { state.isWatched = true }
            return (state.lastNumber, !state.isWatched)
        }
        defer { state.withLock { state in _ = state.calls.removeValue(forKey: number) } }
        // Unstructured, as it is for calls that come later, too: it ends once there are none.
        if begins { Task { await watch() } }
        try await Caller.$openCall.withValue(call) { try await body() }
    }

    /// How many calls are open.
    var count: Int { state.withLock { $0.calls.count } }

    private func watch() async {
        while true {
            try? await Task.sleep(for: OpenCalls.pause)
            let calls = state.withLock { state in
                if state.calls.isEmpty { state.isWatched = false }
                return Array(state.calls.values)
            }
            if calls.isEmpty { return }
            var ended = 0
            for (place, call) in calls.enumerated() {
                if call.endIfRefused() { ended += 1 }
                if place % OpenCalls.share == OpenCalls.share - 1 { await Task.yield() }
            }
            if ended > 0 {
                logger.notice(
                    "open calls ended: their callers would be refused by now", metadata: ["calls": "\(ended)"])
            }
        }
    }
}
