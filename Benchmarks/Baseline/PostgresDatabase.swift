import CPostgres
import CairnModel

/// The baseline on PostgreSQL.
struct PostgresDatabase: BaselineDatabase {
    /// As libpq takes it.
    let url: String

    func prepare() throws(StoreError) {
        let connection = try PostgresConnection(url)
        defer { connection.close() }
        try connection.execute(PostgresStatements.tables)
    }

    func connect() throws(StoreError) -> any BaselineConnection {
        let connection = try PostgresConnection(url)
        try connection.prepareStatements()
        return connection
    }
}

/// A connection in libpq's blocking way, with statements that are prepared once, and binary parameters and results.
private final class PostgresConnection: BaselineConnection {
    private enum Name: String, CaseIterable {
        case read
        case readForUpdate
        case write

        var sql: String {
            switch self {
            case .read: PostgresStatements.read
            case .readForUpdate: PostgresStatements.readForUpdate
            case .write: PostgresStatements.write
            }
        }
    }

    private let handle: OpaquePointer

    init(_ url: String) throws(StoreError) {
        guard let handle = PQconnectdb(url) else { throw StoreError(.storageFailed, "there is no memory") }
        self.handle = handle
        // Its notices, such as that a table is there already, would go to standard error.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        if PQstatus(handle) != CONNECTION_OK {
            let error = failure(nil)
            close()
            throw error
        }
    }

    func close() { PQfinish(handle) }

    /// Runs statements without results.
    func execute(_ sql: String) throws(StoreError) {
        _ = try PostgresRows(checking: PQexec(handle, sql), orElse: failure)
    }

    func prepareStatements() throws(StoreError) {
        for name in Name.allCases {
            _ = try PostgresRows(checking: PQprepare(handle, name.rawValue, name.sql, 0, nil), orElse: failure)
        }
    }

    // MARK: Round trips

    func read(_ key: Key) throws(StoreError) -> Record? {
        var parameters = PostgresParameters()
        parameters.add(key.bytes)
        let rows = try run(.read, parameters)
        guard rows.count == 1 else { return nil }
        let kind = Value.Kind(rawValue: Int32(truncatingIfNeeded: rows.integer(4)))
        return rows.record(of: key, value: Value(kind: kind, bytes: rows.bytes(5)))
    }

    func readForUpdate(_ key: Key) throws(StoreError) -> Record? {
        var parameters = PostgresParameters()
        parameters.add(key.bytes)
        let rows = try run(.readForUpdate, parameters)
        return rows.count == 1 ? rows.record(of: key, value: Value(bytes: [])) : nil
    }

    func write(_ change: BaselineChange) throws(StoreError) -> Ref? {
        var parameters = PostgresParameters()
        parameters.add(change.key.bytes)
        parameters.add(change.version)
        parameters.add(change.createdRef?.rawValue)
        parameters.add(change.createdVersion)
        parameters.add(Int64(change.kind.rawValue))
        parameters.add(Int64(change.value.kind.rawValue))
        parameters.add(change.previousRef?.rawValue)
        parameters.add(Array(change.clientID.utf8))
        parameters.add(change.value.bytes)
        do throws(StoreError) {
            return Ref(try run(.write, parameters).integer(0))
        } catch {
            if error.code == .storageBusy { return nil }
            throw error
        }
    }

    private func run(_ name: Name, _ parameters: PostgresParameters) throws(StoreError) -> PostgresRows {
        let result = parameters.withPointers { values, lengths, formats in
            PQexecPrepared(handle, name.rawValue, Int32(lengths.count), values, lengths, formats, 1)
        }
        return try PostgresRows(checking: result, orElse: failure)
    }

    // MARK: Failures

    /// What went wrong: in the result, or with the connection.
    private func failure(_ result: OpaquePointer?) -> StoreError {
        let words = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
        if PQstatus(handle) != CONNECTION_OK {
            return StoreError(.unavailable, "the connection to PostgreSQL failed: \(words)", retry: .unknownOutcome)
        }
        let field = Int32(UInt8(ascii: "C"))
        let state = result.flatMap { PQresultErrorField($0, field) }.map { String(cString: $0) } ?? ""
        // The division by no record, and what PostgreSQL itself says when transactions meet.
        let isOvertaken = ["22012", "40001", "40P01"].contains(state)
        return StoreError(isOvertaken ? .storageBusy : .storageFailed, "PostgreSQL says (\(state)): \(words)")
    }
}

/// Parameters in PostgreSQL's binary form, in one buffer.
private struct PostgresParameters {
    private var bytes: [UInt8] = []
    private var ranges: [Range<Int>?] = []

    mutating func add(_ value: [UInt8]) {
        ranges.append(bytes.count..<bytes.count + value.count)
        bytes.append(contentsOf: value)
    }

    mutating func add(_ number: Int64?) {
        guard let number else { return ranges.append(nil) }
        ranges.append(bytes.count..<bytes.count + 8)
        // The pointer is to a copy on the stack, for the time of the call.
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Calls `body` with what libpq wants to know of the parameters: pointers, valid until it returns, lengths, and
    /// that all are binary.
    func withPointers<Result>(_ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Result) -> Result {
        let lengths = ranges.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: ranges.count)
        // The key is never empty, so the buffer has an address, and so has an empty parameter, which NULL has not.
        return bytes.withUnsafeBytes { buffer in
            let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            return body(ranges.map { range in range.flatMap { start?.advanced(by: $0.lowerBound) } }, lengths, formats)
        }
    }
}

/// The first row of a result in binary form. Owns libpq's result: its pointers stay inside, and `deinit` frees it.
private final class PostgresRows {
    private let result: OpaquePointer

    /// Takes over a result; throws if it is one of a failure.
    init(checking result: OpaquePointer?, orElse failure: (OpaquePointer?) -> StoreError) throws(StoreError) {
        guard let result else { throw failure(nil) }
        self.result = result
        let status = PQresultStatus(result)
        if status != PGRES_TUPLES_OK, status != PGRES_COMMAND_OK { throw failure(result) }
    }

    deinit { PQclear(result) }

    var count: Int { Int(PQntuples(result)) }

    func bytes(_ column: Int32) -> [UInt8] {
        // The pointer is into the result, which lives longer than the copying.
        [UInt8](
            UnsafeRawBufferPointer(start: PQgetvalue(result, 0, column), count: Int(PQgetlength(result, 0, column))))
    }

    /// A whole number of whatever width; no column here is ever negative.
    func integer(_ column: Int32) -> Int64 { bytes(column).reduce(0) { $0 << 8 | Int64($1) } }

    func record(of key: Key, value: Value) -> Record {
        Record(
            key: key, value: value, version: integer(0), createdVersion: integer(1), createdRef: Ref(integer(2)),
            updatedRef: Ref(integer(3)), deletedRef: nil, leaseID: 0)
    }
}
