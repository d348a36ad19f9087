internal import CairnModel
internal import GRDBSQLite

/// A prepared statement that lives as long as its connection.
///
/// The calls go straight to SQLite: GRDB's own statements check, copy and box each argument, which costs more than the
/// statement itself when it runs sixty times in a batch. Bytes are bound without copying, so who binds them keeps them
/// in place until ``reset()``; ``Statement/bind(_:_:then:)`` is written so that it can't be done wrong.
///
/// Not thread-safe, like the connection it belongs to.
final class Statement {
    private let handle: OpaquePointer
    private let path: String
    /// The first failure of a bind, reported by the step that follows.
    private var bindCode: Int32 = SQLITE_OK

    init(_ sql: String, on database: OpaquePointer, path: String) throws(StoreError) {
        var handle: OpaquePointer?
        let code = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard code == SQLITE_OK, let handle else { throw .sqlite(code, database, path: path) }
        self.handle = handle
        self.path = path
    }

    deinit { sqlite3_finalize(handle) }

    /// The error of a call that returned `code`.
    func failure(_ code: Int32) -> StoreError { .sqlite(code, sqlite3_db_handle(handle), path: path) }

    // MARK: Binding

    func bind(_ index: Int32, _ number: Int64) {
        note(sqlite3_bind_int64(handle, index, number))
    }

    func bind(_ index: Int32, _ number: Int64?) {
        if let number { bind(index, number) } else { note(sqlite3_bind_null(handle, index)) }
    }

    /// Binds text, copying it.
    func bind(_ index: Int32, _ text: String) {
        var text = text
        note(
            text.withUTF8 { utf8 in
                // A null pointer would bind NULL, so the empty text is bound as such.
                guard let base = utf8.baseAddress, !utf8.isEmpty else {
                    return sqlite3_bind_text(handle, index, "", 0, nil)
                }
                return base.withMemoryRebound(to: CChar.self, capacity: utf8.count) {
                    sqlite3_bind_text(handle, index, $0, Int32(utf8.count), transient)
                }
            }
        )
    }

    /// Binds bytes where they are while `body` runs; they are not copied, so the statement must have been reset when
    /// `body` returns.
    @inline(__always)
    func bind<Result>(
        _ index: Int32,
        _ bytes: [UInt8],
        then body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try bytes.withUnsafeBufferPointer { (buffer) throws(StoreError) -> Result in
            // A null pointer would bind NULL, and an empty array may have one.
            if buffer.isEmpty {
                note(sqlite3_bind_zeroblob(handle, index, 0))
            } else {
                note(sqlite3_bind_blob64(handle, index, buffer.baseAddress, UInt64(buffer.count), nil))
            }
            return try body()
        }
    }

    /// The same for bytes that may be missing.
    @inline(__always)
    func bind<Result>(
        _ index: Int32,
        optional bytes: [UInt8]?,
        then body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        guard let bytes else {
            note(sqlite3_bind_null(handle, index))
            return try body()
        }
        return try bind(index, bytes, then: body)
    }

    private func note(_ code: Int32) {
        if code != SQLITE_OK, bindCode == SQLITE_OK { bindCode = code }
    }

    // MARK: Running

    /// Runs to the next row. Returns whether there is one; when there is none the statement is reset.
    func step() throws(StoreError) -> Bool {
        if bindCode != SQLITE_OK {
            defer { bindCode = SQLITE_OK }
            throw failure(bindCode)
        }
        let code = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE {
            sqlite3_reset(handle)
            return false
        }
        let error = failure(code)
        sqlite3_reset(handle)
        throw error
    }

    /// Runs a statement that returns no rows.
    func run() throws(StoreError) {
        if try step() { reset() }
    }

    /// Makes the statement ready to run again.
    func reset() { sqlite3_reset(handle) }

    /// How many rows the last change on this connection touched.
    var changes: Int { Int(sqlite3_changes(sqlite3_db_handle(handle))) }

    // MARK: Columns of the current row

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func optionalInteger(_ column: Int32) -> Int64? {
        isNull(column) ? nil : sqlite3_column_int64(handle, column)
    }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func bytes(_ column: Int32) -> [UInt8] {
        guard let base = sqlite3_column_blob(handle, column) else { return [] }
        // SQLite's memory holds until the next step, and the array is a copy of it.
        return [UInt8](UnsafeRawBufferPointer(start: base, count: Int(sqlite3_column_bytes(handle, column))))
    }

    func text(_ column: Int32) -> String {
        guard let base = sqlite3_column_text(handle, column) else { return "" }
        // As above. The count, not the terminating zero, because a name may contain zeros.
        return String(
            decoding: UnsafeBufferPointer(start: base, count: Int(sqlite3_column_bytes(handle, column))),
            as: UTF8.self
        )
    }

    /// The size of a value, without copying it.
    func byteCount(_ column: Int32) -> Int { Int(sqlite3_column_bytes(handle, column)) }
}

/// Tells SQLite to copy what is bound: the C macro `SQLITE_TRANSIENT`, which Swift can't import, is this number as a
/// pointer.
nonisolated(unsafe) private let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)  // never changes
