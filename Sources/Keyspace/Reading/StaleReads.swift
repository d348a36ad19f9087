internal import CairnModel

/// Reads of an engine that lags behind the store's own, such as a read replica of its database.
struct StaleReads: Sendable {
    let queue: ReadQueue
    private let engine: any Engine

    init(engine: any Engine, gatherAnswers: @escaping @Sendable (() -> Void) -> Void) {
        self.engine = engine
        queue = ReadQueue(engine: engine, gatherAnswers: gatherAnswers)
    }

    /// Waits for reads under way and closes the engine.
    func close() async {
        await queue.close()
        let engine = engine
        await BlockingCall.run(name: "cairn-close") { engine.close() }
    }
}
