/// A wish that the server stop, made once by anybody.
struct StopRequest: Sendable {
    private let wishes: AsyncStream<Void>
    private let wish: AsyncStream<Void>.Continuation

    init() { (wishes, wish) = AsyncStream.makeStream() }

    /// Makes the wish.
    func make() { wish.finish() }

    /// Returns when the wish is made, or the task is cancelled. For one task.
    func wait() async { for await _ in wishes {} }
}
