import CairnModel
import DequeModule
import Dispatch
import Foundation
import Synchronization

/// Threads that each have a connection, and take what is to be done from one queue, in order.
final class ConnectionWorkers: Sendable {
    /// What a thread does with its connection.
    typealias Job = @Sendable (ConnectionWorker) -> Void

    private let jobs = Mutex(Deque<Job>())
    private let ready = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let count: Int

    /// Starts the threads; each opens its connection at once.
    init(of database: any BaselineDatabase, count: Int) {
        self.count = count
        for number in 1...count {
            let thread = Thread { [self] in
                work(ConnectionWorker(database))
                ended.signal()
            }
            thread.name = "baseline-\(number)"
            thread.start()
        }
    }

    /// Has a thread do this, as soon as one is free.
    func run(_ job: @escaping Job) {
        jobs.withLock { $0.append(job) }
        ready.signal()
    }

    /// Ends the threads when the queue is empty, and waits for that. Nothing may be given to them afterwards.
    func close() {
        for _ in 0..<count { ready.signal() }
        for _ in 0..<count { ended.wait() }
    }

    private func work(_ worker: ConnectionWorker) {
        // What keeps it from connecting now, the first job will be told.
        try? worker.use { _ in }
        while true {
            ready.wait()
            guard let job = jobs.withLock({ $0.popFirst() }) else { break }
            job(worker)
        }
        worker.close()
    }
}

/// A thread's connection, which is opened again after it broke.
final class ConnectionWorker {
    private let database: any BaselineDatabase
    private var connection: (any BaselineConnection)?

    init(_ database: any BaselineDatabase) { self.database = database }

    /// Runs `body` with the connection.
    func use<Result>(
        _ body: (any BaselineConnection) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let connection: any BaselineConnection
        if let open = self.connection { connection = open } else { connection = try database.connect() }
        self.connection = connection
        do throws(StoreError) {
            return try body(connection)
        } catch {
            if error.code == .unavailable { close() }
            throw error
        }
    }

    func close() {
        connection?.close()
        connection = nil
    }
}
