internal import CairnModel
internal import Dispatch
internal import Synchronization

/// A few connections that read, handed out to one thread at a time each.
final class ReaderPool: Sendable {
    /// A connection and its statements.
    ///
    /// `@unchecked Sendable`: whoever has taken it from the pool is the only one to use it.
    private final class Reader: @unchecked Sendable {
        let connection: Connection
        var statements: ReadStatements?

        init(path: String, options: SQLiteOptions) throws(StoreError) {
            connection = try Connection(path: path, role: .reading, options: options)
            connection.takeOver()
            statements = try ReadStatements(connection)
        }

        func close() {
            statements = nil
            connection.close()
        }
    }

    /// How many readers there are.
    let count: Int
    private let idle: Mutex<[Reader]>
    private let available: DispatchSemaphore

    init(path: String, options: SQLiteOptions) throws(StoreError) {
        count = max(options.readers, 1)
        var readers: [Reader] = []
        for _ in 0..<count { readers.append(try Reader(path: path, options: options)) }
        // Made with 0 and raised: a semaphore that is freed below its first value traps.
        available = DispatchSemaphore(value: 0)
        idle = Mutex(readers)
        for _ in 0..<count { available.signal() }
    }

    /// Runs `body` with the statements of an idle reader, waiting for one if need be.
    func withReader<Result>(
        _ body: (ReadStatements) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        available.wait()
        // The semaphore has counted it, so there is one; there is none after `close`.
        guard let reader = idle.withLock({ $0.popLast() }), let statements = reader.statements else {
            available.signal()
            throw StoreError(.closed, "the store is closed")
        }
        defer {
            idle.withLock { $0.append(reader) }
            available.signal()
        }
        return try body(statements)
    }

    func close() {
        for reader in idle.withLock({ readers in
            defer { readers = [] }
            return readers
        }) { reader.close() }
    }
}
