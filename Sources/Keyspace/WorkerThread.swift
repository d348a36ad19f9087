package import Dispatch
internal import Foundation
internal import Synchronization

/// A thread of our own that runs one piece of work each time it is woken, until it is stopped.
///
/// For work that blocks, which must never happen on Swift's cooperative threads or on an event loop. Wake-ups that come
/// while it works are not lost: it runs once more for all of them.
final class WorkerThread: Sendable {
    private let wakeUps = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let isStopped = Atomic<Bool>(false)
    private let isWoken = Atomic<Bool>(false)

    /// Starts the thread. `work` is called after each ``wake()``. The operating system knows the first 15 characters of
    /// its name.
    init(name: String, work: @escaping @Sendable () -> Void) {
        Thread.detachNewThread { [wakeUps, ended, self] in
            Thread.current.name = name
            while true {
                wakeUps.wait()
                if isStopped.load(ordering: .acquiring) { break }
                isWoken.store(false, ordering: .sequentiallyConsistent)
                work()
            }
            ended.signal()
        }
    }

    /// Makes the thread run its work, once for any number of calls that come before it starts.
    func wake() {
        if isWoken.exchange(true, ordering: .sequentiallyConsistent) { return }
        wakeUps.signal()
    }

    /// Ends the thread after what it is doing now, and waits for that. Must be called once, and not by the thread
    /// itself.
    func stop() {
        isStopped.store(true, ordering: .releasing)
        wakeUps.signal()
        ended.wait()
    }
}

/// A blocking call made on a thread of its own, for calls too rare to keep a thread for.
package enum BlockingCall {
    /// Runs `body` on a new thread and returns its result.
    package static func run<Value: Sendable>(
        name: String, _ body: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { caller in
            Thread.detachNewThread {
                Thread.current.name = name
                caller.resume(returning: body())
            }
        }
    }
}

extension Duration {
    /// The same for Dispatch, to the microsecond.
    package var dispatchInterval: DispatchTimeInterval {
        .microseconds(Int(clamping: components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000))
    }
}
