import CMariaDB
import CairnModel

/// A prepared statement that looks a key's row up.
///
/// libmariadb takes the parameter from buffers and puts the columns into buffers; they are this object's from `init` to
/// ``close()``, at addresses that don't change, but for the value's, which grows.
final class MySQLLookup {
    // All pointers here are to memory that `init` allocates and `close` frees, and are used by one thread.
    private let statement: UnsafeMutablePointer<MYSQL_STMT>
    private let key = UnsafeMutableRawPointer.allocate(byteCount: 1_024, alignment: 16)
    private let keyLength = UnsafeMutablePointer<UInt>.allocate(capacity: 1)
    private let numbers = UnsafeMutablePointer<Int64>.allocate(capacity: MySQLLookup.numberCount)
    private var value = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 16)
    private let valueLength = UnsafeMutablePointer<UInt>.allocate(capacity: 1)
    private let withValue: Bool

    private static let numberCount = 5

    /// Prepares the statement; `nil` if that fails, and the connection then says why.
    init?(_ connection: UnsafeMutablePointer<MYSQL>, _ sql: String, withValue: Bool) {
        self.withValue = withValue
        guard let statement = mysql_stmt_init(connection) else { return nil }
        self.statement = statement
        keyLength.initialize(to: 0)
        valueLength.initialize(to: 0)
        numbers.initialize(repeating: 0, count: MySQLLookup.numberCount)
        guard mysql_stmt_prepare(statement, sql, UInt(sql.utf8.count)) == 0, bind() else {
            close()
            return nil
        }
    }

    func close() {
        mysql_stmt_close(statement)
        key.deallocate()
        keyLength.deallocate()
        numbers.deallocate()
        value.deallocate()
        valueLength.deallocate()
    }

    /// The row of a key, or `nil`. One round trip.
    func row(of wanted: Key) throws(StoreError) -> Record? {
        key.copyMemory(from: wanted.bytes, byteCount: wanted.bytes.count)
        keyLength.pointee = UInt(wanted.bytes.count)
        guard mysql_stmt_execute(statement) == 0 else { throw failure() }
        defer { mysql_stmt_free_result(statement) }
        switch mysql_stmt_fetch(statement) {
        case 0, MYSQL_DATA_TRUNCATED:
            let bytes = try valueBytes()
            return Record(
                key: wanted, value: Value(kind: Value.Kind(rawValue: Int32(numbers[4])), bytes: bytes),
                version: numbers[0], createdVersion: numbers[1], createdRef: Ref(numbers[2]),
                updatedRef: Ref(numbers[3]), deletedRef: nil, leaseID: 0)
        case MYSQL_NO_DATA: return nil
        default: throw failure()
        }
    }

    /// The value of the row that was fetched, which is fetched again if it didn't fit.
    private func valueBytes() throws(StoreError) -> [UInt8] {
        guard withValue else { return [] }
        let length = Int(valueLength.pointee)
        if length > value.count {
            value.deallocate()
            value = .allocate(byteCount: length, alignment: 16)
            var column = valueColumn
            let index = UInt32(MySQLLookup.numberCount)
            guard mysql_stmt_fetch_column(statement, &column, index, 0) == 0, bind() else { throw failure() }
        }
        return [UInt8](value[..<length])
    }

    private var valueColumn: MYSQL_BIND {
        var column = MYSQL_BIND()
        column.buffer_type = MYSQL_TYPE_LONG_BLOB
        column.buffer = value.baseAddress
        column.buffer_length = UInt(value.count)
        column.length = valueLength
        return column
    }

    /// Tells the library where the parameter and the columns are.
    private func bind() -> Bool {
        var parameter = MYSQL_BIND()
        parameter.buffer_type = MYSQL_TYPE_BLOB
        parameter.buffer = key
        parameter.buffer_length = 1_024
        parameter.length = keyLength
        var columns = (0..<MySQLLookup.numberCount).map { index in
            var column = MYSQL_BIND()
            column.buffer_type = MYSQL_TYPE_LONGLONG
            column.buffer = UnsafeMutableRawPointer(numbers + index)
            column.buffer_length = 8
            return column
        }
        if withValue { columns.append(valueColumn) }
        return mysql_stmt_bind_param(statement, &parameter) == 0 && mysql_stmt_bind_result(statement, &columns) == 0
    }

    private func failure() -> StoreError {
        .mysql(number: mysql_stmt_errno(statement), words: String(cString: mysql_stmt_error(statement)))
    }
}
