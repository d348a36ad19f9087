import CMariaDB
import CairnModel
import Foundation

/// The baseline on MariaDB or MySQL.
struct MySQLDatabase: BaselineDatabase {
    private let host: String
    private let port: UInt32
    private let user: String
    private let password: String
    private let name: String

    /// The database at `mysql://USER:PASSWORD@HOST:PORT/DATABASE`.
    init(_ url: String) throws(StoreError) {
        guard let parts = URLComponents(string: url), let host = parts.host, let user = parts.user,
            parts.path.count > 1
        else { throw StoreError(.invalidURL, "write mysql://USER:PASSWORD@HOST:PORT/DATABASE") }
        self.host = host
        self.user = user
        port = UInt32(clamping: parts.port ?? 3_306)
        password = parts.password ?? ""
        name = String(parts.path.dropFirst())
    }

    func prepare() throws(StoreError) {
        guard mysql_server_init(0, nil, nil) == 0 else {
            throw StoreError(.storageFailed, "libmariadb can't be used; there may be no memory")
        }
        let connection = try open()
        defer { connection.close() }
        for table in MySQLStatements.tables { try connection.execute(table) }
    }

    func connect() throws(StoreError) -> any BaselineConnection {
        let connection = try open()
        for setting in MySQLStatements.settings { try connection.execute(setting) }
        try connection.prepareStatements()
        return connection
    }

    private func open() throws(StoreError) -> MySQLConnection {
        guard let handle = mysql_init(nil) else { throw StoreError(.storageFailed, "there is no memory") }
        let isOpen =
            mysql_real_connect(
                handle, host, user, password, name, port, nil, CLIENT_MULTI_STATEMENTS) != nil
        let connection = MySQLConnection(handle)
        guard isOpen else {
            let error = connection.failure()
            connection.close()
            throw error
        }
        return connection
    }
}

/// A connection. Reads are prepared statements; a write is several statements in one text, as only text can be.
private final class MySQLConnection: BaselineConnection {
    // Made by `mysql_init`, freed by `close`.
    private let handle: UnsafeMutablePointer<MYSQL>
    private var reading: MySQLLookup?
    private var readingForUpdate: MySQLLookup?

    init(_ handle: UnsafeMutablePointer<MYSQL>) { self.handle = handle }

    func close() {
        reading?.close()
        readingForUpdate?.close()
        mysql_close(handle)
    }

    /// Runs a statement without results.
    func execute(_ sql: String) throws(StoreError) {
        guard mysql_query(handle, sql) == 0 else { throw failure() }
    }

    func prepareStatements() throws(StoreError) {
        reading = try lookup(MySQLStatements.read, withValue: true)
        readingForUpdate = try lookup(MySQLStatements.readForUpdate, withValue: false)
    }

    private func lookup(_ sql: String, withValue: Bool) throws(StoreError) -> MySQLLookup {
        guard let lookup = MySQLLookup(handle, sql, withValue: withValue) else { throw failure() }
        return lookup
    }

    // MARK: Round trips

    func read(_ key: Key) throws(StoreError) -> Record? { try reading?.row(of: key) }

    func readForUpdate(_ key: Key) throws(StoreError) -> Record? { try readingForUpdate?.row(of: key) }

    func write(_ change: BaselineChange) throws(StoreError) -> Ref? {
        let text = MySQLStatements.write(change)
        // The library reads the text while the call runs; the pointer is valid as long.
        let isSent = text.withUnsafeBytes { buffer in
            mysql_real_query(handle, buffer.bindMemory(to: CChar.self).baseAddress, UInt(buffer.count)) == 0
        }
        var ref = Ref.zero
        var next: Int32 = isSent ? 0 : 1
        while next == 0 {
            // Of the four statements only the one that adds the event makes a number.
            let number = mysql_insert_id(handle)
            if ref == .zero, number > 0 { ref = Ref(Int64(number)) }
            next = mysql_next_result(handle)
        }
        if next < 0 { return ref }
        let error = failure()
        if error.code == .unavailable { throw error }
        try execute("ROLLBACK")
        if error.code == .storageBusy { return nil }
        throw error
    }

    // MARK: Failures

    func failure() -> StoreError {
        .mysql(number: mysql_errno(handle), words: String(cString: mysql_error(handle)))
    }
}

extension StoreError {
    /// The error of a statement that failed, or of a connection.
    static func mysql(number: UInt32, words: String) -> StoreError {
        let number = Int32(truncatingIfNeeded: number)
        switch number {
        case 2_000...2_999, 5_000...5_999:
            return StoreError(.unavailable, "the connection to the server failed: \(words)", retry: .unknownOutcome)
        // The version that was refused, and what the server itself says when transactions meet.
        case ER_BAD_NULL_ERROR, ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT, ER_CHECKREAD:
            return StoreError(.storageBusy, "the server says (\(number)): \(words)")
        default:
            return StoreError(.storageFailed, "the server says (\(number)): \(words)")
        }
    }
}
