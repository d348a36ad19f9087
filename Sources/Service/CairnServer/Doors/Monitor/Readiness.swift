internal import CairnModel
internal import Synchronization

/// Whether the server should get calls: its store answers, and it isn't stopping.
final class Readiness: Sendable {
    private let store: any Store
    private let patience: Duration
    private let isStopping = Atomic<Bool>(false)
    /// The question that the store has not answered yet; there is one at a time, however often we are asked.
    private let question = Mutex<Task<String?, Never>?>(nil)

    /// A store that doesn't answer within `patience` is not ready.
    init(store: any Store, patience: Duration = .seconds(2)) {
        self.store = store
        self.patience = patience
    }

    /// From now on it isn't ready.
    func stop() { isStopping.store(true, ordering: .releasing) }

    /// Why it isn't ready, or `nil` if it is.
    func problem() async -> String? {
        if isStopping.load(ordering: .acquiring) { return "stopping" }
        let question = ask()
        let patience = patience
        // Not a task group, which would wait for a store that hangs.
        let (answers, answer) = AsyncStream<String?>.makeStream()
        // Unstructured, so that the first to answer is enough; both end, the question when the store does.
        let asked = Task { answer.yield(await question.value) }
        let waited = Task {
            try await Task.sleep(for: patience)
            answer.yield("the store did not answer within \(patience)")
        }
        defer {
            asked.cancel()
            waited.cancel()
        }
        var first = answers.makeAsyncIterator()
        return await first.next() ?? "stopping"
    }

    private func ask() -> Task<String?, Never> {
        question.withLock { question in
            if let question { return question }
            // Unstructured, as it is for all who ask meanwhile.
            let asked = Task { [self] in
                let problem = await askStore()
                self.question.withLock { $0 = nil }
                return problem
            }
            question = asked
            return asked
        }
    }

    private func askStore() async -> String? {
        do throws(StoreError) {
            _ = try await store.status()
            return nil
        } catch {
            return "the store does not answer: \(error)"
        }
    }
}
