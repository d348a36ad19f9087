import NIOCore
package import NIOPosix

/// The threads that servers and clients run on: one event loop a thread, each with an executor for the tasks of its
/// calls.
///
/// Servers and clients in a process may share one; ``shared`` is the default. One made by hand lives as long as the
/// process unless ``shutdown()`` is called after everything on it has closed.
public final class RPCEventLoops: Sendable {
    /// The threads, for connections of other kinds.
    package let group: MultiThreadedEventLoopGroup
    private let executorsByLoop: [ObjectIdentifier: LoopExecutor]
    /// What is alive on the loops.
    package let live = LiveObjects()
    /// The executors in the order of the loops.
    let executors: [LoopExecutor]

    /// Starts `count` threads; the default is one for each core.
    public init(count: Int? = nil) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, count ?? System.coreCount))
        let live = live
        executors = group.makeIterator().map { LoopExecutor(eventLoop: $0, live: live) }
        executorsByLoop = Dictionary(uniqueKeysWithValues: executors.map { (ObjectIdentifier($0.eventLoop), $0) })
    }

    /// One set of loops for the process, as many as there are cores, never shut down.
    public static let shared = RPCEventLoops()

    /// The loops as task executors: a task that prefers one talks to the connections on that loop without a thread hop.
    public var taskExecutors: [any TaskExecutor] { executors }

    /// Runs `body`, and wakes each loop once for all that it hands over to it, at the end.
    ///
    /// For who resumes many calls at a time: otherwise a loop begins with the first while the others are still to come,
    /// and answers them in many small writes. `body` should take no longer than that.
    public func gathering(_ body: () -> Void) {
        for executor in executors { executor.beginGathering() }
        body()
        for executor in executors { executor.endGathering() }
    }

    /// Ends the threads. Nothing may use the loops any more.
    public func shutdown() async throws { try await group.shutdownGracefully() }

    func executor(for loop: any EventLoop) -> LoopExecutor {
        guard let executor = executorsByLoop[ObjectIdentifier(loop)] else {
            preconditionFailure("a channel runs on a loop of another group")
        }
        return executor
    }
}
