internal import CMariaDB
internal import CairnModel
internal import Glibc

// The one place that calls libmariadb.
//
// Statements go as text, several in one round trip; their results are read a row at a time, straight from the library's
// buffer (`mysql_use_result`), so that a large result is never held twice.

/// What went wrong with a statement, in the library's words.
struct Failure {
    /// The library's number, below 2000 or above 3000 if it is the server's.
    var number: Int
    /// The five characters of the SQL state.
    var state: String
    var words: String
    /// The place of the statement among those that were sent together.
    var statement: Int

    /// Whether it was the connection that failed, so that nobody knows how far the server came.
    var isLost: Bool { (2_000...2_999).contains(number) || (5_000...5_999).contains(number) }
}

/// One connection to a server.
///
/// `@unchecked Sendable`: the library's handle may be used by any thread, one at a time; a session is only used by one
/// thread at a time, and a connection is its session's alone.
final class Connection: @unchecked Sendable {
    /// Where it leads, for messages.
    let place: String
    /// What the server said of itself.
    var server = ServerFacts()
    /// Whether it can't be used any more.
    private(set) var isBroken = false
    // Made by `mysql_init`, freed by `close`.
    private let handle: UnsafeMutablePointer<MYSQL>
    private var isOpen = true
    /// Statements whose results haven't been fetched yet.
    private var isOwedResults = false
    /// Statements that were sent, and whose results are still to be asked for.
    private var ahead: SQL?

    /// Connects, and makes the session's settings.
    init(to host: MySQLURL.Host, of url: MySQLURL) throws(StoreError) {
        place = url.place(host)
        guard Connection.isLibraryReady, let handle = mysql_init(nil) else {
            throw StoreError(.storageFailed, "\(place): there is no memory for a connection", retry: .safe)
        }
        self.handle = handle
        Connection.configure(handle, url)
        let flags = CLIENT_MULTI_STATEMENTS | UInt(CLIENT_FOUND_ROWS)
        let isConnected =
            mysql_real_connect(
                handle, host.socket == nil ? host.name : nil, url.user, url.password, url.database, UInt32(host.port),
                host.socket, flags) != nil
        guard isConnected else {
            let failure = failure(0)
            close()
            throw .mysql(failure, server, place: place)
        }
        noticeDeadPeers()
        // The library goes on without encryption when the server has none, unless it has to verify the certificate.
        if url.tls.mode != .off, mysql_get_ssl_cipher(handle) == nil {
            close()
            throw StoreError(
                .unsuitableHome,
                "\(place): the server has no TLS, and the URL wants it; set it up, or leave tls out of the URL")
        }
    }

    deinit { close() }

    /// Sends statements, and calls `row` with each row of their results and the place of its statement. Returns how
    /// many rows each statement has found or changed.
    @discardableResult
    func run(
        _ sql: SQL, _ row: (Int, Row) throws(StoreError) -> Void = { _, _ in }
    ) throws(StoreError) -> [Int] {
        try readAnswers(to: sql, row)
    }

    /// Reads the results of what was sent ahead, or of what is to be sent now.
    private func readAnswers(
        to sql: SQL?, _ row: (Int, Row) throws(StoreError) -> Void
    ) throws(StoreError) -> [Int] {
        var counts: [Int] = []
        var refusal: StoreError?
        func read(_ index: Int, _ fields: Row) {
            guard refusal == nil else { return }
            do throws(StoreError) { try row(index, fields) } catch { refusal = error }
        }
        let failure = if let sql { attempt(sql, &counts, read) } else { receiveAhead(&counts, read) }
        if let failure { throw .mysql(failure, server, place: place) }
        if let refusal { throw refusal }
        return counts
    }

    /// Sends statements and reads all of their results, whatever they are. Returns what went wrong. What follows a
    /// statement that failed was not run.
    func attempt(_ sql: SQL, _ counts: inout [Int], _ row: (Int, Row) -> Void = { _, _ in }) -> Failure? {
        if isBroken { return Connection.gone }
        if isOwedResults, let failure = fetchOwedResults() { return failure }
        if isAhead {
            var unread: [Int] = []
            // What has become of those shows in what follows.
            if let failure = receiveAhead(&unread, { _, _ in }), failure.isLost { return failure }
        }
        guard server.isGalera else { return send(sql, 0..<sql.count, &counts, row) }
        // A node undoes a transaction at any moment, when another node's is in its way, and says so in its answer to
        // the next packet. Between the statements of one packet it has been seen to keep silent, and to run the rest of
        // them, each for itself, up to the commit.
        for statement in 0..<sql.count {
            if let failure = send(sql, statement..<statement + 1, &counts, row) { return failure }
        }
        return nil
    }

    /// Sends some of the statements in one packet.
    private func send(
        _ sql: SQL, _ statements: Range<Int>, _ counts: inout [Int], _ row: (Int, Row) -> Void
    ) -> Failure? {
        let bytes =
            sql.range(of: statements.lowerBound).lowerBound..<sql.range(of: statements.upperBound - 1).upperBound
        // The library reads the text while the call runs; the pointer is valid as long.
        let isAnswered = sql.bytes[bytes].withUnsafeBytes { buffer in
            mysql_real_query(handle, buffer.bindMemory(to: CChar.self).baseAddress, UInt(buffer.count)) == 0
        }
        return isAnswered ? receive(statements, &counts, row) : failed(statements.lowerBound)
    }

    /// Reads the results of statements that were sent in one packet, the first of which has been answered.
    private func receive(
        _ statements: Range<Int>, _ counts: inout [Int], _ row: (Int, Row) -> Void
    ) -> Failure? {
        var index = statements.lowerBound
        while true {
            if let failure = readResult(index, &counts, row) { return failure }
            let next = mysql_next_result(handle)
            index += 1
            if next == 0, index < statements.upperBound { continue }
            if next > 0 { return failed(min(index, statements.upperBound - 1)) }
            if next < 0, index == statements.upperBound { return nil }
            // Not as many answers as questions: nobody knows what has become of the others.
            isBroken = true
            return Failure(
                number: Int(CR_COMMANDS_OUT_OF_SYNC), state: "HY000",
                words: "\(statements.count) statements were not answered one by one", statement: index - 1)
        }
    }

    // MARK: Ahead

    /// Whether there are statements that were sent ahead.
    var isAhead: Bool { ahead != nil }

    /// Sends statements, whose results are read by ``collect(_:)``, or before anything else is sent.
    func runAhead(_ sql: SQL) {
        if isBroken || isOwedResults && fetchOwedResults() != nil { return }
        if sendOnly(sql) { ahead = sql }
    }

    /// Reads the results of what was sent ahead, as ``run(_:_:)`` does.
    func collect(_ row: (Int, Row) throws(StoreError) -> Void) throws(StoreError) {
        _ = try readAnswers(to: nil, row)
    }

    private func receiveAhead(_ counts: inout [Int], _ row: (Int, Row) -> Void) -> Failure? {
        guard let sql = ahead else { return nil }
        ahead = nil
        guard mysql_read_query_result(handle) == 0 else { return failed(0) }
        return receive(0..<sql.count, &counts, row)
    }

    private func sendOnly(_ sql: SQL) -> Bool {
        let isSent = sql.bytes.withUnsafeBytes { buffer in
            mysql_send_query(handle, buffer.bindMemory(to: CChar.self).baseAddress, UInt(buffer.count)) == 0
        }
        if !isSent { _ = failed(0) }
        return isSent
    }

    /// Sends statements without rows, whose results nobody waits for: they are read before the next ones are sent.
    func sendAhead(_ sql: SQL) {
        if isBroken || isOwedResults && fetchOwedResults() != nil { return }
        if sendOnly(sql) { isOwedResults = true }
    }

    private func fetchOwedResults() -> Failure? {
        isOwedResults = false
        guard mysql_read_query_result(handle) == 0 else { return failed(0) }
        while mysql_more_results(handle) != 0 {
            guard mysql_next_result(handle) == 0 else { return failed(0) }
        }
        return nil
    }

    private func readResult(_ index: Int, _ counts: inout [Int], _ row: (Int, Row) -> Void) -> Failure? {
        guard let result = mysql_use_result(handle) else {
            // No rows were announced, unless this is the failure to announce them.
            if mysql_field_count(handle) != 0 { return failed(index) }
            counts.append(Int(truncatingIfNeeded: mysql_affected_rows(handle)))
            return nil
        }
        defer { mysql_free_result(result) }
        var found = 0
        while let fields = mysql_fetch_row(result) {
            guard let lengths = mysql_fetch_lengths(result) else { break }
            row(index, Row(fields: fields, lengths: lengths))
            found += 1
        }
        counts.append(found)
        return mysql_errno(handle) == 0 ? nil : failed(index)
    }

    /// What went wrong; notes whether the connection is still good for anything.
    private func failed(_ statement: Int) -> Failure {
        let failure = failure(statement)
        if failure.isLost || Meaning(failure, server).breaks { isBroken = true }
        return failure
    }

    private func failure(_ statement: Int) -> Failure {
        Failure(
            number: Int(mysql_errno(handle)), state: String(cString: mysql_sqlstate(handle)),
            words: String(cString: mysql_error(handle)), statement: statement)
    }

    private static let gone = Failure(
        number: Int(CR_SERVER_GONE_ERROR), state: "HY000", words: "the connection is closed", statement: 0)

    /// Takes the connection for broken: what the server says makes it unfit.
    func giveUp() { isBroken = true }

    /// The address of this end as `HOST`, if it is a TCP connection.
    var localHost: String? {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // Pointers to a local, used while the closure runs.
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard getsockname(mysql_get_socket(handle), pointer, &length) == 0 else { return nil }
                return SocketAddress.host(of: pointer, length)
            }
        }
    }

    /// Closes the connection.
    func close() {
        guard isOpen else { return }
        isOpen = false
        isBroken = true
        mysql_close(handle)
    }
}

// How connections are set up.
extension Connection {
    private static let isLibraryReady = mysql_server_init(0, nil, nil) == 0

    private static func configure(_ handle: UnsafeMutablePointer<MYSQL>, _ url: MySQLURL) {
        func set(_ option: mysql_option, _ number: UInt32) {
            var number = number
            mysql_options(handle, option, &number)
        }
        func set(_ option: mysql_option, _ isOn: Bool) {
            var isOn: my_bool = isOn ? 1 : 0
            mysql_options(handle, option, &isOn)
        }
        func set(_ option: mysql_option, _ text: String?) {
            if let text { mysql_options(handle, option, text) }
        }
        set(MYSQL_OPT_CONNECT_TIMEOUT, 5)
        // A batch may wait for the head's lock, and a commit for slow disks and synchronous replicas; but a server that
        // hangs keeps nobody waiting longer than one that is away, and what became of a commit is found out.
        set(MYSQL_OPT_READ_TIMEOUT, 10)
        set(MYSQL_OPT_WRITE_TIMEOUT, 10)
        // "localhost" must not become a socket of the library's choice.
        let isSocket = url.hosts.contains { $0.socket != nil }
        set(MYSQL_OPT_PROTOCOL, (isSocket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP).rawValue)
        // A server may not ask for our files.
        set(MYSQL_OPT_LOCAL_INFILE, 0 as UInt32)
        set(MYSQL_OPT_RECONNECT, false)
        set(MYSQL_SET_CHARSET_NAME, "utf8mb4")
        var packet: UInt = 1 << 30
        mysql_options(handle, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet)
        if url.tls.mode == .verify {
            set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, true)
        } else {
            // Without a certificate that was checked, no plugin that sends the password as it is.
            set(
                MARIADB_OPT_RESTRICTED_AUTH,
                "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password,auth_gssapi_client")
        }
        if url.tls.mode != .off {
            set(MYSQL_OPT_SSL_ENFORCE, true)
            set(MYSQL_OPT_SSL_CA, url.tls.authority)
            set(MYSQL_OPT_SSL_CERT, url.tls.certificate)
            set(MYSQL_OPT_SSL_KEY, url.tls.key)
        }
        mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "cairn")
    }

    /// Has the system find out within some ten seconds that the other end is gone.
    private func noticeDeadPeers() {
        func set(_ level: Int32, _ option: Int32, _ value: Int32) {
            var value = value
            // It may be a socket of a kind that doesn't know the option, and needs none.
            _ = setsockopt(mysql_get_socket(handle), level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 4)
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, 2)
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, 3)
        set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, 10_000)
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }
}
