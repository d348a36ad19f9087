internal import CairnModel
internal import Synchronization

/// Reads an engine without blocking the caller's thread.
///
/// For an engine that blocks, reads queue for its reading threads; lookups of single keys that wait are answered
/// together, from one view. Any other engine is read where the caller stands.
final class ReadQueue: Sendable {
    typealias Answer = Result<Record?, StoreError>

    private struct Lookup {
        let key: Key
        // Unsafe continuations cost less than checked ones; each is resumed once, by the thread that took it.
        let caller: UnsafeContinuation<Answer, Never>
    }

    private struct Queue {
        var lookups: [Lookup] = []
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
        var readers: IdleReaders

        /// How many times a thread could take something.
        var pieces: Int {
            (lookups.count + ReadQueue.lookupsPerView - 1) / ReadQueue.lookupsPerView + jobs.count
        }
    }

    /// Lookups answered from one view.
    private static let lookupsPerView = 256

    private let engine: any Engine
    private let gatherAnswers: @Sendable (() -> Void) -> Void
    private let queue: Mutex<Queue>
    private let threads = Mutex<[WorkerThread]>([])

    init(engine: any Engine, gatherAnswers: @escaping @Sendable (() -> Void) -> Void = { $0() }) {
        self.engine = engine
        self.gatherAnswers = gatherAnswers
        let count = engine.blocks ? max(1, engine.readers) : 0
        queue = Mutex(Queue(readers: IdleReaders(count: count)))
        let workers = (0..<count).map { number in
            WorkerThread(name: "cairn-read-\(number)") { [unowned self] in
                queue.withLock { $0.readers.didWake() }
                work(as: number)
            }
        }
        threads.withLock { $0 = workers }
    }

    /// The record of a key, which may be a tombstone.
    func record(_ key: Key) async throws(StoreError) -> Record? {
        switch engine.readyRecord(key) {
        case .record(let record): return record
        case .absent: return nil
        case nil: break
        }
        guard engine.blocks else {
            return try engine.lookUp([key])[key]
        }
        // Unsafe as in `Lookup`: resumed once, here or by the thread that takes it.
        let answer = await withUnsafeContinuation { (caller: UnsafeContinuation<Answer, Never>) in
            let isClosed = queue.withLock { queue in
                if !queue.isClosed { queue.lookups.append(Lookup(key: key, caller: caller)) }
                return queue.isClosed
            }
            if isClosed { caller.resume(returning: .failure(.closed)) } else { wake() }
        }
        return try answer.get()
    }

    /// Calls `body` with a view of one moment.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (any EngineView) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        guard engine.blocks else { return try engine.read(body) }
        return try await call { [engine] () throws(StoreError) in try engine.read(body) }
    }

    /// Runs a blocking call on a reading thread.
    func call<Value: Sendable>(
        _ body: @escaping @Sendable () throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        typealias Answer = Result<Value, StoreError>
        // Unsafe as in `Lookup`: resumed once, here or by the thread that takes it.
        let answer = await withUnsafeContinuation { (caller: UnsafeContinuation<Answer, Never>) in
            let isClosed = queue.withLock { queue in
                if !queue.isClosed {
                    queue.jobs.append {
                        do throws(StoreError) {
                            caller.resume(returning: .success(try body()))
                        } catch {
                            caller.resume(returning: .failure(error))
                        }
                    }
                }
                return queue.isClosed
            }
            if isClosed { caller.resume(returning: .failure(.closed)) } else { wake() }
        }
        return try answer.get()
    }

    /// Refuses what comes from now on, and waits for what has come before.
    func close() async {
        queue.withLock { $0.isClosed = true }
        let workers = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        guard !workers.isEmpty else { return }
        await BlockingCall.run(name: "cairn-close") { [self] in
            for worker in workers { worker.stop() }
            work(as: nil)
        }
    }

    /// Wakes a reading thread if there is work that none is about to take.
    private func wake() {
        guard let number = queue.withLock({ $0.readers.next(for: $0.pieces) }) else { return }
        // After `close` there are none, and what is left is done there.
        threads.withLock { threads in
            if threads.indices.contains(number) { threads[number].wake() }
        }
    }

    /// Works until nothing waits. On a reading thread, or on the one that closes, which has no number.
    private func work(as number: Int?) {
        while true {
            let (lookups, job) = queue.withLock { queue -> ([Lookup], (@Sendable () -> Void)?) in
                if !queue.lookups.isEmpty {
                    let taken = Array(queue.lookups.prefix(ReadQueue.lookupsPerView))
                    queue.lookups.removeFirst(taken.count)
                    return (taken, nil)
                }
                if queue.jobs.isEmpty, let number { queue.readers.didRunDry(number) }
                return ([], queue.jobs.isEmpty ? nil : queue.jobs.removeFirst())
            }
            guard job != nil || !lookups.isEmpty else { return }
            // This one is at work now; what it left is for the next.
            wake()
            if let job { job() } else { answer(lookups) }
        }
    }

    private func answer(_ lookups: [Lookup]) {
        do throws(StoreError) {
            let records = try engine.lookUp(lookups.map(\.key))
            gatherAnswers {
                for lookup in lookups { lookup.caller.resume(returning: .success(records[lookup.key])) }
            }
        } catch {
            for lookup in lookups { lookup.caller.resume(returning: .failure(error)) }
        }
    }
}
