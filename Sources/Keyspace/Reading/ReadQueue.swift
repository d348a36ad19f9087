internal import CairnModel
internal import Synchronization

/// Reads an engine without blocking the caller's thread.
///
/// For an engine that blocks, reads queue for its reading threads; lookups of single keys that wait are answered
/// together. An engine that may recall them is asked that first, by one thread at a time: the more wait meanwhile, the
/// less each costs. Any other engine is read where the caller stands.
final class ReadQueue: Sendable {
    /// The record of a key, which may be a tombstone.
    typealias Answer = Result<Record?, StoreError>

    private let engine: any Engine
    private let gatherAnswers: @Sendable (() -> Void) -> Void
    private let metrics: KeyspaceMetrics
    private let queue: Mutex<Queue>
    private let threads = Mutex<[WorkerThread]>([])

    init(
        engine: any Engine, gatherAnswers: @escaping @Sendable (() -> Void) -> Void = { $0() },
        metrics: KeyspaceMetrics = .none
    ) {
        self.metrics = metrics
        self.engine = engine
        self.gatherAnswers = gatherAnswers
        let count = engine.blocks ? max(1, engine.readers) : 0
        queue = Mutex(Queue(recalls: engine.recalls, readers: IdleReaders(count: count)))
        let workers = (0..<count).map { number in
            WorkerThread(name: "cairn-read-\(number)") { [unowned self] in
                queue.withLock { $0.readers.didWake() }
                work(as: number)
            }
        }
        threads.withLock { $0 = workers }
    }

    /// Finds the record of a key, and calls `answer` with it, possibly before this returns.
    func look(up key: Key, answer: @escaping @Sendable (Answer) -> Void) {
        switch engine.readyRecord(key) {
        case .record(let record): return answer(.success(record))
        case .absent: return answer(.success(nil))
        case nil: break
        }
        guard engine.blocks else { return answer(lookUp(key)) }
        let isOpen = add { $0.add(Lookup(key: key, answer: answer)) }
        if !isOpen { answer(.failure(.closed)) }
    }

    /// The record of a key.
    func record(_ key: Key) async throws(StoreError) -> Record? {
        // Unsafe continuations cost less than checked ones; each is resumed once, by `look`'s contract.
        let answer = await withUnsafeContinuation { (caller: UnsafeContinuation<Answer, Never>) in
            look(up: key) { caller.resume(returning: $0) }
        }
        return try answer.get()
    }

    /// Calls `body` with a view of one moment.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (any EngineView) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        guard engine.blocks else { return try engine.read(body) }
        return try await call { [engine, metrics] () throws(StoreError) in
            try metrics.time { () throws(StoreError) in try engine.read(body) }
        }
    }

    /// Runs a blocking call on a reading thread.
    func call<Value: Sendable>(
        _ body: @escaping @Sendable () throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        typealias Answer = Result<Value, StoreError>
        // Unsafe as above: resumed once, here or by the thread that takes it.
        let answer = await withUnsafeContinuation { (caller: UnsafeContinuation<Answer, Never>) in
            let isOpen = add { queue in
                queue.jobs.append {
                    do throws(StoreError) {
                        caller.resume(returning: .success(try body()))
                    } catch {
                        caller.resume(returning: .failure(error))
                    }
                }
            }
            if !isOpen { caller.resume(returning: .failure(.closed)) }
        }
        return try answer.get()
    }

    /// How many lookups wait, for tests.
    var waiting: Int { queue.withLock { $0.toRecall.count + $0.toLookUp.count } }

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

    /// Adds to the queue and wakes a reading thread for it, or returns `false` if the queue is closed.
    private func add(_ change: (inout Queue) -> Void) -> Bool {
        let (isOpen, reader) = queue.withLock { queue -> (Bool, Int?) in
            if queue.isClosed { return (false, nil) }
            change(&queue)
            return (true, queue.nextReader())
        }
        wake(reader)
        return isOpen
    }

    private func wake(_ reader: Int?) {
        guard let number = reader else { return }
        // After `close` there are none, and what is left is done there.
        threads.withLock { threads in
            if threads.indices.contains(number) { threads[number].wake() }
        }
    }

    /// Works until nothing waits. On a reading thread, or on the one that closes, which has no number.
    private func work(as number: Int?) {
        while true {
            let (piece, reader) = queue.withLock { queue -> (Piece?, Int?) in
                // This one is at work then; what it left is for the next.
                if let piece = queue.next() { return (piece, queue.nextReader()) }
                if let number { queue.readers.didRunDry(number) }
                return (nil, nil)
            }
            guard let piece else { return }
            wake(reader)
            switch piece {
            case .recall(let lookups): recall(lookups)
            case .lookUp(let lookups): lookUp(lookups)
            case .job(let job): job()
            }
        }
    }

    private func recall(_ lookups: [Lookup]) {
        var unknown: [Lookup] = []
        do throws(StoreError) {
            let known = try metrics.time { () throws(StoreError) in try engine.recall(lookups.map(\.key)) }
            gatherAnswers {
                for (lookup, ready) in zip(lookups, known) {
                    switch ready {
                    case .record(let record): lookup.answer(.success(record))
                    case .absent: lookup.answer(.success(nil))
                    case nil: unknown.append(lookup)
                    }
                }
            }
        } catch {
            fail(lookups, error)
        }
        // Not before all are answered: until then more may gather for the next time, and nobody is woken for them.
        queue.withLock { queue in
            queue.isRecalling = false
            queue.toLookUp += unknown
        }
    }

    private func lookUp(_ lookups: [Lookup]) {
        do throws(StoreError) {
            let records = try metrics.time { () throws(StoreError) in try engine.lookUp(lookups.map(\.key)) }
            gatherAnswers {
                for lookup in lookups { lookup.answer(.success(records[lookup.key])) }
            }
        } catch {
            fail(lookups, error)
        }
    }

    private func lookUp(_ key: Key) -> Answer {
        do throws(StoreError) { return .success(try engine.lookUp([key])[key]) } catch { return .failure(error) }
    }

    private func fail(_ lookups: [Lookup], _ error: StoreError) {
        gatherAnswers {
            for lookup in lookups { lookup.answer(.failure(error)) }
        }
    }
}

// What waits.
extension ReadQueue {
    private struct Lookup: Sendable {
        let key: Key
        let answer: @Sendable (Answer) -> Void
    }

    /// What a thread does at once.
    private enum Piece {
        case recall([Lookup])
        case lookUp([Lookup])
        case job(@Sendable () -> Void)
    }

    private struct Queue {
        /// Lookups looked up together.
        private static let together = 256

        let recalls: Bool
        var isRecalling = false
        var toRecall: [Lookup] = []
        var toLookUp: [Lookup] = []
        var jobs: [@Sendable () -> Void] = []
        var isClosed = false
        var readers: IdleReaders

        init(recalls: Bool, readers: IdleReaders) {
            self.recalls = recalls
            self.readers = readers
        }

        mutating func add(_ lookup: Lookup) {
            if recalls { toRecall.append(lookup) } else { toLookUp.append(lookup) }
        }

        private var mayRecall: Bool { !toRecall.isEmpty && !isRecalling }

        /// How many times a thread could take something.
        var pieces: Int {
            (mayRecall ? 1 : 0) + (toLookUp.count + Queue.together - 1) / Queue.together + jobs.count
        }

        /// The reading thread to wake, if there is work that none is about to take.
        mutating func nextReader() -> Int? { readers.next(for: pieces) }

        /// What to do next.
        mutating func next() -> Piece? {
            if mayRecall {
                isRecalling = true
                defer { toRecall = [] }
                return .recall(toRecall)
            }
            if !toLookUp.isEmpty {
                let taken = Array(toLookUp.prefix(Queue.together))
                toLookUp.removeFirst(taken.count)
                return .lookUp(taken)
            }
            return jobs.isEmpty ? nil : .job(jobs.removeFirst())
        }
    }
}
