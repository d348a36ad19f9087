internal import Dispatch

/// What a thread waits at until a test lets it go on, but not for ever.
public final class Gate: Sendable {
    // From zero: one that goes away with less than it began with ends the process.
    private let semaphore = DispatchSemaphore(value: 0)

    /// A gate that lets `open` pass before anybody opens it.
    public init(open: Int = 0) { for _ in 0..<open { semaphore.signal() } }

    /// Lets one more pass.
    public func open() { semaphore.signal() }

    /// Blocks the thread until it may pass; `false` if it may not within `limit`.
    public func passes(within limit: Duration = standardWait) -> Bool {
        semaphore.wait(timeout: .now() + limit / .seconds(1)) == .success
    }
}
