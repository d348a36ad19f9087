import NIOCore
import Synchronization

/// The messages of one stream between the event loop, which receives them, and the task that reads them.
///
/// It decides when the peer may send more: a message's bytes are credited when the reader takes it, so a slow reader
/// stops the peer once a window's worth of bytes waits here. Bytes of an unfinished message are credited at once while
/// nothing else waits, since a message may be larger than the window.
package final class MessageInbox: Sendable {
    private struct State {
        var queue = CircularBuffer<ReceivedMessage>(initialCapacity: 4)
        var credit = InboundCredit()
        var end: Result<Void, RPCError>?
        var waiter: CheckedContinuation<ReceivedMessage?, any Error>?
        var isCreditRequested = false
    }

    private let state = Mutex(State())
    private let threshold: Int
    private let requestCredit: @Sendable () -> Void

    /// - Parameter requestCredit: called off any lock when ``takeCredit()`` should be called on the loop.
    package init(window: Int, requestCredit: @escaping @Sendable () -> Void) {
        self.threshold = max(1, window / 4)
        self.requestCredit = requestCredit
    }

    /// Takes what a DATA frame brought; returns how many bytes to credit. On the loop.
    package func deliver(_ messages: [ReceivedMessage], received: Int, held: Int) -> Int {
        let (waiter, first, credit) = state.withLock { state in
            state.credit.receive(received, held: held)
            for message in messages {
                state.queue.append(message)
                state.credit.enqueue(message.bytes.count + MessagePrefix.size)
            }
            var handed: ReceivedMessage?
            var waiter: CheckedContinuation<ReceivedMessage?, any Error>?
            if state.waiter != nil, let message = state.queue.popFirst() {
                state.credit.dequeue(message.bytes.count + MessagePrefix.size)
                handed = message
                swap(&waiter, &state.waiter)
            }
            return (waiter, handed, state.credit.take())
        }
        waiter?.resume(returning: first)
        return credit
    }

    /// Ends the stream of messages: what is queued is still read, then the end or the error.
    ///
    /// With `discarding`, what is queued is dropped.
    package func finish(_ end: Result<Void, RPCError>, discarding: Bool = false) {
        let waiter = state.withLock { state in
            let isOver = state.end != nil && (state.queue.isEmpty || !discarding)
            guard !isOver else { return CheckedContinuation<ReceivedMessage?, any Error>?.none }
            if discarding { state.queue.removeAll() }
            state.end = end
            defer { state.waiter = nil }
            return state.waiter
        }
        switch end {
        case .success: waiter?.resume(returning: nil)
        case .failure(let error): waiter?.resume(throwing: error)
        }
    }

    /// How many bytes to credit now. On the loop.
    package func takeCredit() -> Int {
        state.withLock { state in
            state.isCreditRequested = false
            return state.credit.take()
        }
    }

    /// What a waiting message costs besides its bytes: without it, many tiny ones would take much more memory than
    /// is counted.
    package static let messageOverhead = 64

    /// The memory that what waits to be read takes.
    package var waitingBytes: Int {
        state.withLock { $0.credit.queued + $0.credit.held + $0.queue.count * Self.messageOverhead }
    }

    /// Whether a message waits to be read.
    package var hasMessages: Bool { state.withLock { !$0.queue.isEmpty } }

    private enum Step {
        case message(ReceivedMessage, credit: Bool)
        case end(Result<Void, any Error>)
        case wait(credit: Bool)
    }

    /// The next message, or `nil` at the end. One reader at a time.
    ///
    /// - Throws: the call's error; `CancellationError` if the task is cancelled while it waits.
    package func next() async throws -> ReceivedMessage? {
        switch state.withLock({ step(&$0) }) {
        case .message(let message, let credit):
            if credit { requestCredit() }
            return message
        case .end(let end):
            try end.get()
            return nil
        case .wait: return try await wait()
        }
    }

    private func step(_ state: inout State) -> Step {
        if let message = state.queue.popFirst() {
            state.credit.dequeue(message.bytes.count + MessagePrefix.size)
            let wanted = !state.isCreditRequested && state.credit.due >= threshold
            if wanted { state.isCreditRequested = true }
            return .message(message, credit: wanted)
        }
        if let end = state.end { return .end(end.mapError { $0 as any Error }) }
        let wanted = !state.isCreditRequested && state.credit.due > 0
        return .wait(credit: wanted)
    }

    private func wait() async throws -> ReceivedMessage? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let step = state.withLock { state -> Step in
                    let step = self.step(&state)
                    guard case .wait(let credit) = step else { return step }
                    // The cancellation handler takes the lock too: it sees the waiter, or this sees the cancellation.
                    if Task.isCancelled { return .end(.failure(CancellationError())) }
                    precondition(state.waiter == nil, "a stream of messages has one reader")
                    state.waiter = continuation
                    if credit { state.isCreditRequested = true }
                    return step
                }
                switch step {
                case .message(let message, let credit):
                    if credit { requestCredit() }
                    continuation.resume(returning: message)
                case .end(let end): continuation.resume(with: end.map { nil })
                case .wait(let credit): if credit { requestCredit() }
                }
            }
        } onCancel: {
            cancelWait()
        }
    }

    private func cancelWait() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(throwing: CancellationError())
    }
}

/// How many of a stream's received bytes the peer may replace. A pure count.
package struct InboundCredit: Equatable {
    package private(set) var received = 0
    package private(set) var credited = 0
    /// Bytes of whole messages that wait to be read.
    package private(set) var queued = 0
    /// Bytes of a message that isn't whole yet.
    package private(set) var held = 0

    package init() {}

    package mutating func receive(_ count: Int, held: Int) {
        received += count
        self.held = held
    }

    package mutating func enqueue(_ count: Int) { queued += count }

    package mutating func dequeue(_ count: Int) { queued -= count }

    /// Bytes that may be credited: all but those that wait, and an unfinished message only waits behind whole ones.
    package var due: Int { received - credited - queued - (queued > 0 ? held : 0) }

    /// Credits what is due. Nothing is due while a message waits whose bytes were credited before it was whole.
    package mutating func take() -> Int {
        let due = max(0, due)
        credited += due
        return due
    }
}
