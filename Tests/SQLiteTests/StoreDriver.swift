import CairnKeyspace
import CairnModel
import CairnSQLite
import Foundation

/// Drives an engine as a committer does: runs transactions through the rules, loading what they need, and stores the
/// changes.
struct StoreDriver {
    let engine: any Engine

    /// Commits transactions as one batch at a time given in microseconds, and returns what each did.
    @discardableResult
    func commit(
        _ transactions: [Transaction],
        at time: Int64 = 1_700_000_000_000_000,
        forgettingRequestsBefore forget: Int64? = nil
    ) throws(StoreError) -> [Result<TransactionResult, StoreError>] {
        var outcomes: [Result<TransactionResult, StoreError>] = []
        try engine.commit { (view) throws(StoreError) in
            let head = try view.head()
            let now = max(head.time, Timestamp(microseconds: time))
            var set = WorkingSet(head: head)
            set.head.time = now
            for transaction in transactions {
                outcomes.append(try decide(transaction, in: &set, view, now))
            }
            if let forget { set.forgetRequests(before: Timestamp(microseconds: forget)) }
            return set.changes
        }
        return outcomes
    }

    /// Commits one transaction of operations.
    @discardableResult
    func run(
        _ operations: CairnModel.Operation...,
        at time: Int64 = 1_700_000_000_000_000
    ) throws(StoreError) -> TransactionResult {
        let outcomes = try commit([Transaction(then: operations, clientID: "test")], at: time)
        return try outcomes[0].get()
    }

    private func decide(
        _ transaction: Transaction,
        in set: inout WorkingSet,
        _ view: any EngineView,
        _ now: Timestamp
    ) throws(StoreError) -> Result<TransactionResult, StoreError> {
        while true {
            do throws(WorkingSet.Stop) {
                return .success(try set.run(transaction, at: now, limits: .standard))
            } catch {
                switch error {
                case .failed(let error): return .failure(error)
                case .need(let need): try load(need, into: &set, view)
                }
            }
        }
    }

    private func load(
        _ need: WorkingSet.Need,
        into set: inout WorkingSet,
        _ view: any EngineView
    ) throws(StoreError) {
        switch need {
        case .record(let key): set.load(record: try view.records([key])[key], for: key)
        case .lease(let id): set.load(lease: try view.leases([id])[id], for: id)
        case .keysOnLease(let id, let limit):
            set.load(keys: try view.keys(on: id, limit: limit), on: id, limit: limit)
        case .keysInRange(let range, let limit):
            let records = try view.records(in: range, limit: limit, bytes: .max, keysOnly: true)
            set.load(keys: records.map(\.key), in: range, areAll: records.count < limit)
        case .lock(let token): set.load(lock: try view.locks([token])[token], for: token)
        case .consumer(let name): set.load(consumer: try view.consumer(name), for: name)
        case .result(let id): set.load(result: try view.result(of: id), for: id)
        }
    }

    /// Calls `body` with a view. For expectations, which throw what they like.
    func look(_ body: (any EngineView) throws -> Void) throws {
        var failure: (any Error)?
        try engine.read { (view) throws(StoreError) in
            do { try body(view) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// The record of a key, read from the file.
    func record(_ key: Key) throws(StoreError) -> Record? {
        try engine.read { (view) throws(StoreError) in try view.records([key])[key] }
    }

    /// Every event of the log.
    func events() throws(StoreError) -> [Event] {
        try engine.read { (view) throws(StoreError) in try view.events(from: 1, limit: .max, bytes: .max) }
    }

    /// Every live record, in order.
    func records() throws(StoreError) -> [Record] {
        try engine.read { (view) throws(StoreError) in
            try view.records(in: .all, limit: .max, bytes: .max, keysOnly: false)
        }
    }

    /// Where the log stands.
    func head() throws(StoreError) -> Head {
        try engine.read { (view) throws(StoreError) in try view.head() }
    }
}

/// A directory that is removed with all that is in it.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "cairn-sqlite-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

/// Opens a store in a fresh directory for the time of `body`, and closes it.
func withEngine(
    options: SQLiteOptions = .init(),
    _ body: (StoreDriver, String) throws -> Void
) throws {
    let directory = try TemporaryDirectory()
    return try withEngine(at: directory.file("store.db"), options: options) { driver in
        try body(driver, directory.file("store.db"))
    }
}

/// Opens the store of a file for the time of `body`, and closes it.
func withEngine(
    at path: String,
    options: SQLiteOptions = .init(),
    _ body: (StoreDriver) throws -> Void
) throws {
    let engine = try SQLiteEngine(path: path, options: options)
    defer { engine.close() }
    return try body(StoreDriver(engine: engine))
}

/// Runs a program and returns what it wrote, or `nil` if there is no such program.
func output(of program: String, _ arguments: [String]) throws -> (status: Int32, text: String)? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 127 ? nil : (process.terminationStatus, String(decoding: data, as: UTF8.self))
}
