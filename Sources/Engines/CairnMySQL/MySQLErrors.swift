internal import CMariaDB
internal import CairnModel

// The one table from the numbers of MariaDB's and MySQL's errors to the store's errors.
//
// Up to 1,999 the two give a number the same meaning, above they don't; such numbers are only read for the product
// whose they are. The number is kept in `nativeCode`.

extension StoreError {
    /// The error of a statement that failed.
    static func mysql(_ failure: Failure, _ server: ServerFacts, place: String) -> StoreError {
        let meaning = Meaning(failure, server)
        let native = failure.isLost ? "the connection says" : "\(server.product) says"
        return StoreError(
            meaning.code,
            "\(place): \(meaning.happened) (\(native): \(failure.words)). \(meaning.advice)",
            retry: meaning.retry,
            nativeCode: Int32(failure.number)
        )
    }
}

/// What an error's number means to a caller.
struct Meaning {
    var code: StoreError.Code
    var happened: String
    var advice: String
    var retry = StoreError.Retry.never
    /// Whether another connection must be opened.
    var breaks = false
    /// Whether the server has undone the transaction, even if it was the commit that failed.
    var isUndone = false

    init(_ failure: Failure, _ server: ServerFacts) {
        self =
            Meaning(client: failure.number) ?? Meaning(transient: failure, server) ?? Meaning(access: failure, server)
            ?? Meaning(storage: failure)
            ?? Meaning(.storageFailed, "the database failed", "The words above tell why.")
    }

    private init(
        _ code: StoreError.Code, _ happened: String, _ advice: String, retry: StoreError.Retry = .never,
        breaks: Bool = false, isUndone: Bool = false
    ) {
        self.code = code
        self.happened = happened
        self.advice = advice
        self.retry = retry
        self.breaks = breaks
        self.isUndone = isUndone
    }

    // MARK: The connection

    private init?(client number: Int) {
        switch Int32(truncatingIfNeeded: number) {
        case CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_IPSOCK_ERROR, CR_SOCKET_CREATE_ERROR:
            self.init(
                .unavailable, "the server can't be reached", "See that it runs, and that host and port are right.",
                retry: .safe, breaks: true)
        case CR_UNKNOWN_HOST:
            self.init(
                .unavailable, "the host's name is not known", "See that it is written right, and that names resolve.",
                retry: .safe, breaks: true)
        case CR_SSL_CONNECTION_ERROR:
            self.init(
                .unsuitableHome, "there is no encrypted connection",
                "See that the server has TLS, and that tls, ca, cert and key of the URL fit it.", breaks: true)
        case CR_AUTH_PLUGIN_CANNOT_LOAD, CR_AUTH_PLUGIN_ERR, CR_SECURE_AUTH, CR_PLUGIN_NOT_ALLOWED:
            self.init(
                .authenticationFailed, "the server wants another way to log in",
                "Give the user a way that both know, such as caching_sha2_password, mysql_native_password or ed25519; "
                    + "one that sends the password as it is needs tls=verify.", breaks: true)
        default:
            guard (2_000...2_999).contains(number) || (5_000...5_999).contains(number) else { return nil }
            self.init(.unavailable, "the connection broke", "Try again.", retry: .safe, breaks: true)
        }
    }

    // MARK: What passes

    private init?(transient failure: Failure, _ server: ServerFacts) {
        switch server.product == "MySQL" ? Meaning.mariaDBNumber(failure.number) : Int32(failure.number) {
        case ER_LOCK_DEADLOCK, ER_CHECKREAD, ER_TABLE_DEF_CHANGED, ER_LOCK_ABORTED, ER_XA_RBDEADLOCK,
            // What a batch asks for when its transaction was undone without a word; see `Statements.checkHead`.
            ER_SUBQUERY_NO_1_ROW:
            self = .conflict
        case ER_LOCK_WAIT_TIMEOUT, ER_TOO_MANY_CONCURRENT_TRXS:
            self.init(
                .storageBusy, "somebody else held what this needed for too long", "Nothing was changed; try again.",
                retry: .safe)
        case ER_QUERY_INTERRUPTED, ER_STATEMENT_TIMEOUT:
            self.init(
                .storageBusy, "the statement was interrupted, by an operator or a limit on its time",
                "Nothing was changed; try again, or raise the limit.", retry: .safe)
        case ER_UNKNOWN_COM_ERROR:
            self.init(
                .unavailable, "the node has no quorum, or isn't ready yet", "Try again, or name another node.",
                retry: .safe, breaks: true)
        case ER_OPTION_PREVENTS_STATEMENT, ER_READ_ONLY_MODE, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION,
            ER_INNODB_READ_ONLY, ER_READ_ONLY_TRANSACTION:
            self = .readOnly
        case ER_CON_COUNT_ERROR, ER_USER_LIMIT_REACHED, 1_203:
            self.init(
                .unavailable, "the server takes no more connections",
                "Close some, or raise max_connections or the user's limit.", retry: .safe, breaks: true)
        case ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN, ER_SHUTDOWN_COMPLETE, ER_CONNECTION_KILLED, ER_ABORTING_CONNECTION,
            ER_NEW_ABORTING_CONNECTION, ER_NET_READ_ERROR_FROM_PIPE, ER_NET_READ_ERROR, ER_NET_READ_INTERRUPTED,
            ER_NET_ERROR_ON_WRITE, ER_NET_WRITE_INTERRUPTED, ER_NET_PACKETS_OUT_OF_ORDER, ER_CANT_CREATE_THREAD:
            self.init(.unavailable, "the server has ended the connection", "Try again.", retry: .safe, breaks: true)
        case ER_OUTOFMEMORY, ER_OUT_OF_RESOURCES, ER_OUT_OF_SORTMEMORY:
            self.init(.storageFailed, "the server has no memory left", "Try again.", retry: .safe)
        default: return nil
        }
    }

    /// MariaDB's number for what MySQL has another one for.
    private static func mariaDBNumber(_ number: Int) -> Int32 {
        switch number {
        case 3_101: ER_LOCK_DEADLOCK  // a plugin, such as group replication, has rolled the transaction back
        case 3_024: ER_STATEMENT_TIMEOUT
        case 3_572: ER_LOCK_WAIT_TIMEOUT
        case 3_168, 3_169, 4_031: ER_CONNECTION_KILLED
        default: Int32(truncatingIfNeeded: number)
        }
    }

    private static let conflict = Meaning(
        .storageBusy, "another transaction was in the way", "Nothing was changed; try again.", retry: .safe,
        isUndone: true)

    /// A server that lets nobody write: the primary is another one by now.
    static let readOnly = Meaning(
        .unavailable, "the server is read only, so it is not the primary, or not any more",
        "Try again, or name the primary.", retry: .safe, breaks: true)

    // MARK: Who may what

    private init?(access failure: Failure, _ server: ServerFacts) {
        // A server that wants encryption says so with this state, under numbers that differ.
        if failure.state == "08004", failure.words.contains("secure_transport") {
            self.init(
                .unsuitableHome, "the server takes only encrypted connections",
                "Add tls=required or tls=verify to the URL.", breaks: true)
            return
        }
        switch Int32(truncatingIfNeeded: failure.number) {
        case ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_NOT_SUPPORTED_AUTH_MODE,
            ER_SERVER_IS_IN_SECURE_AUTH_MODE, ER_PLUGIN_IS_NOT_LOADED:
            self.init(
                .authenticationFailed, "the server doesn't take the user's name and password",
                "See that the URL has the right ones, percent-encoded, and that the user may come from this host; "
                    + "for one who must come encrypted, add tls=required or tls=verify.",
                breaks: true)
        case ER_MUST_CHANGE_PASSWORD, ER_MUST_CHANGE_PASSWORD_LOGIN, ER_ACCOUNT_HAS_BEEN_LOCKED, 3_118, 3_016:
            self.init(
                .authenticationFailed, "the user's password has expired, or the user is locked",
                "Have the server's administrator set that right.", breaks: true)
        case ER_HOST_IS_BLOCKED, ER_HOST_NOT_PRIVILEGED:
            self.init(
                .permissionDenied, "the server takes no connections from this host",
                "Create the user for this host, or have the host unblocked with FLUSH HOSTS.", breaks: true)
        case ER_BAD_DB_ERROR:
            self.init(
                .databaseNotFound, "there is no such database", "Create it with CREATE DATABASE, or name another.",
                breaks: true)
        case ER_DBACCESS_DENIED_ERROR:
            self.init(
                .permissionDenied, "the user has no rights on the database, or it is not there",
                "Grant them: SELECT, INSERT, UPDATE and DELETE; for the first start also CREATE and CREATE VIEW.",
                breaks: true)
        case ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR,
            ER_PROCACCESS_DENIED_ERROR:
            // The server names the right first, and the table last: "INSERT command denied to user … for table
            // `a`.`b`".
            let right = failure.words.part(before: " command denied")
            let table = failure.words.part(after: " for table ")
            self.init(
                .permissionDenied, "the user lacks a right on the tables",
                right.map { "Grant it: GRANT \($0) ON \(table ?? "the tables") TO the user." }
                    ?? "Grant it; the words above name it.")
        default: return nil
        }
    }

    // MARK: What is stored

    private init?(storage failure: Failure) {
        switch Int32(truncatingIfNeeded: failure.number) {
        case ER_DISK_FULL, ER_RECORD_FILE_FULL, ER_TABLESPACE_AUTO_EXTEND_ERROR: self = .full
        case ER_GET_ERRNO, ER_ERROR_ON_WRITE, 3:
            // The system's number is in the words: "Got error 28 …", "(errno: 28 …".
            let isFull = ["28", "122", "27"].contains { number in
                failure.words.contains("rror \(number) ") || failure.words.contains("rrno: \(number) ")
                    || failure.words.contains("rcode: \(number) ")
            }
            self =
                isFull
                ? .full
                : Meaning(
                    .storageFailed, "the server could not read or write", "Look at its disk and its log.", retry: .safe)
        case ER_NO_SUCH_TABLE, ER_NO_SUCH_TABLE_IN_ENGINE, ER_BAD_FIELD_ERROR:
            self.init(
                .corrupted, "a table of the store is gone, or isn't as Cairn made it",
                "Restore a backup, or name a prefix or a database without tables for a new store.")
        case ER_CRASHED_ON_USAGE, ER_CRASHED_ON_REPAIR, ER_INDEX_CORRUPT, ER_TABLE_CORRUPT, ER_INNODB_INDEX_CORRUPT,
            ER_TABLESPACE_MISSING, ER_TABLESPACE_DISCARDED:
            self.init(.corrupted, "a table of the store is damaged", "Restore a backup.")
        case ER_NET_PACKET_TOO_LARGE:
            self.init(
                .unsuitableHome, "the server takes no packets of that size", "Raise its max_allowed_packet.",
                breaks: true)
        case ER_UNKNOWN_STORAGE_ENGINE:
            self.init(.unsuitableHome, "the server has no InnoDB", "Turn it on; no other engine will do.")
        case ER_TOO_LONG_KEY:
            self.init(
                .unsuitableHome, "keys of 1,024 bytes don't fit into an index",
                "Use a server whose innodb_page_size is at least 8192.")
        default: return nil
        }
    }

    private static let full = Meaning(
        .storageFull, "there is no room for the change", "Nothing was changed; make room and try again.", retry: .safe)
}

extension String {
    /// What comes before a piece of text, if it occurs.
    fileprivate func part(before text: String) -> String? {
        ranges(of: text).first.map { String(self[..<$0.lowerBound]) }
    }

    /// What comes after a piece of text, if it occurs.
    fileprivate func part(after text: String) -> String? {
        ranges(of: text).last.map { String(self[$0.upperBound...]) }
    }
}
