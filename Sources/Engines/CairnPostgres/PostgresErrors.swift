internal import CPostgres
internal import CairnModel

// The one table from PostgreSQL's SQLSTATEs to the store's errors, and from libpq's words where there is no SQLSTATE:
// a server that can't be reached has none.

/// What the server says about a failure.
struct ServerWords: Sendable {
    /// Five characters that don't depend on the server's language.
    var state: String
    var message: String
    var detail = ""

    /// The field of a result that names the function in the server; a C character.
    static let sourceFunctionField = Int32(UInt8(ascii: "R"))

    init(state: String, message: String) {
        self.state = state
        self.message = message
    }

    /// The words of a failed result; `nil` if the server said nothing, because the connection is gone.
    init?(_ result: OpaquePointer) {
        func field(_ code: Unicode.Scalar) -> String? {
            PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
        }
        guard let state = field("C"), let message = field("M") else { return nil }
        self.state = state
        self.message = message
        detail = field("D") ?? ""
    }

    /// Whether the connection is of no more use: the server goes, or isn't the primary any more, or knows the tables
    /// as they were before somebody changed them.
    var endsConnection: Bool {
        switch state {
        case "25006", "0A000", "25P03", "25P04": true
        default: state.hasPrefix("08") || state.hasPrefix("57P")
        }
    }

    /// Whether a statement that was prepared is not there, or one that wasn't is.
    var meansLostStatement: Bool { state == "26000" || state == "42P05" }

    /// The SQLSTATE as the server's own code keeps it: six bits a character.
    fileprivate var number: Int32 {
        state.utf8.reversed().reduce(0) { $0 << 6 | Int32($1 &- UInt8(ascii: "0")) & 0x3F }
    }
}

extension StoreError {
    /// The error that the server has answered to a statement or an attempt to connect.
    static func postgres(_ words: ServerWords, place: String) -> StoreError {
        let meaning = Meaning(words)
        let native = words.detail.isEmpty ? words.message : "\(words.message): \(words.detail)"
        return StoreError(
            meaning.code,
            "\(place): \(meaning.happened) (PostgreSQL says: \(native)). \(meaning.advice)",
            retry: meaning.retry,
            nativeCode: words.number
        )
    }

    /// The error of a connection that broke.
    static func lostConnection(_ words: String, place: String) -> StoreError {
        let native = oneLine(words)
        return StoreError(
            .unavailable,
            "\(place): the connection to the server broke\(native.isEmpty ? "" : " (\(native))"). "
                + "See that it runs and can be reached.",
            retry: .safe
        )
    }

    /// The error of an attempt to connect, from what libpq says about it in its most verbose form.
    static func unopened(_ text: String, place: String) -> StoreError {
        if let words = ServerWords(verbose: text) { return .postgres(words, place: place) }
        let meaning = Meaning(clientText: text)
        return StoreError(
            meaning.code,
            "\(place): \(meaning.happened) (libpq says: \(oneLine(text))). \(meaning.advice)",
            retry: meaning.retry
        )
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingSpaces }.filter { !$0.isEmpty }.joined(separator: "; ")
    }
}

extension ServerWords {
    /// The words in what libpq says of a failed connection: `SEVERITY:  28P01: message`, and lines with more. The
    /// severity's name depends on the server's language, the rest does not.
    init?(verbose text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            for range in line.ranges(of: ":  ") {
                let rest = line[range.upperBound...]
                let state = rest.prefix(5)
                let isState = state.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) }
                guard state.utf8.count == 5, isState, rest.dropFirst(5).hasPrefix(": ") else { continue }
                self.init(state: String(state), message: String(rest.dropFirst(7)))
                return
            }
        }
        return nil
    }
}

extension StringProtocol {
    fileprivate var trimmingSpaces: String {
        let start = drop { $0 == " " || $0 == "\t" }
        return String(start.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}

/// What a SQLSTATE or a failure to connect means to a caller.
private struct Meaning {
    var code: StoreError.Code
    var happened: String
    var advice: String
    var retry: StoreError.Retry = .never

    init(_ words: ServerWords) {
        self = Meaning.byState[words.state] ?? Meaning.byClass[String(words.state.prefix(2))] ?? .failed
        // Some poolers give all their refusals the same number.
        if words.state == "08P01" { self = Meaning(poolerText: words.message) ?? self }
    }

    private init?(poolerText text: String) {
        if text.contains("no such database") {
            self = .noDatabase
        } else if text.contains("no such user") || text.contains("authentication failed") {
            self = .refused
        } else if text.contains("no more connections") {
            self = .tooManyConnections
        } else {
            return nil
        }
    }

    /// What libpq itself says when there was no server to say anything. Its words are in English unless the process
    /// has asked for another locale; what isn't recognised is taken for a server that is away.
    init(clientText text: String) {
        let cases: [(words: [String], meaning: Meaning)] = [
            (["no password supplied", "password authentication"], .refused),
            (["certificate", "SSL", "TLS"], .insecure),
            (["session is read-only", "hot standby", "not read-only"], .standby),
            (["could not translate host name"], .unknownHost),
            (["Connection refused", "No such file or directory"], .nobodyListens),
        ]
        self = cases.first { $0.words.contains(where: text.contains) }?.meaning ?? .away
    }

    private init(
        _ code: StoreError.Code, _ happened: String, _ advice: String, retry: StoreError.Retry = .never
    ) {
        self.code = code
        self.happened = happened
        self.advice = advice
        self.retry = retry
    }

    private static let byState: [String: Meaning] = [
        "28P01": refused, "28000": refused, "3D000": noDatabase, "3F000": noTables, "42P01": noTables,
        "42703": noTables, "42501": forbidden, "53100": full, "53300": tooManyConnections, "55000": away,
        "57P03": notReady, "25006": standby, "0A000": changed, "40001": conflict, "40P01": conflict, "40003": conflict,
        "55P03": busy, "55006": busy, "57014": cancelled, "25P03": idle, "25P04": idle, "26000": lostStatement,
        "42P05": lostStatement, "53200": noMemory, "22012": replaced, "23505": replaced, "XX001": corrupt,
        "XX002": corrupt,
    ]
    private static let byClass: [String: Meaning] = [
        "08": away, "53": noMemory, "57": away, "54": tooComplex, "58": systemTrouble,
    ]

    // MARK: Getting in

    static let refused = Meaning(
        .authenticationFailed, "the server did not let us in",
        "Check the user and the password in the URL, and the server's pg_hba.conf.")
    static let noDatabase = Meaning(
        .databaseNotFound, "there is no such database", "Create it, or name another one in the URL.")
    static let noTables = Meaning(
        .databaseNotFound, "the tables of the store are not as they should be",
        "Somebody has dropped or altered them, or the URL names another schema; restore a backup or correct the URL.")
    static let forbidden = Meaning(
        .permissionDenied, "the user lacks a right", "Grant it; docs/formats/postgres.md lists what a store needs.")
    static let insecure = Meaning(
        .unsuitableHome, "no encrypted connection could be made as the URL asks for it",
        "Check sslmode, sslrootcert and the server's certificate.")
    static let unknownHost = Meaning(
        .unavailable, "the name of the server's host is not known", "Check the host in the URL.", retry: .safe)
    static let nobodyListens = Meaning(
        .unavailable, "nothing listens there", "Check host and port in the URL, and that the server runs.",
        retry: .safe)
    static let tooManyConnections = Meaning(
        .unavailable, "the server has no connection left", "Raise max_connections, or use fewer readers.",
        retry: .safe)
    static let notReady = Meaning(
        .unavailable, "the server is starting or stopping", "Try again in a moment.", retry: .safe)
    static let standby = Meaning(
        .unavailable, "the server takes no writes",
        "It is a standby, or default_transaction_read_only is on; name the primary in the URL, or all hosts.",
        retry: .safe)

    // MARK: Going on

    static let away = Meaning(
        .unavailable, "the server can't be reached now", "See that it runs and can be reached.", retry: .safe)
    static let idle = Meaning(
        .unavailable, "the server has ended a transaction that took too long", "Nothing was changed; try again.",
        retry: .safe)
    static let changed = Meaning(
        .unavailable, "the server can't do this any more on this connection", "Nothing was changed; try again.",
        retry: .safe)
    static let conflict = Meaning(
        .storageBusy, "another transaction was in the way", "Nothing was changed; try again.", retry: .safe)
    static let busy = Meaning(
        .storageBusy, "another process held a lock for too long", "Nothing was changed; try again.", retry: .safe)
    static let cancelled = Meaning(
        .storageBusy, "the statement was cancelled",
        "Nothing was changed; try again. If it happens often, look at statement_timeout.", retry: .safe)
    static let lostStatement = Meaning(
        .storageBusy, "a pooler has changed the connection under us",
        "Nothing was changed; try again. Say pooled=true in the URL.", retry: .safe)
    static let full = Meaning(
        .storageFull, "there is no room for the change", "Nothing was changed; make room and try again.",
        retry: .safe)
    static let noMemory = Meaning(
        .storageFailed, "the server has not enough memory", "Nothing was changed; try again.", retry: .safe)
    static let tooComplex = Meaning(
        .storageFailed, "the change is more than the server can do at once", "Make it smaller.")
    static let systemTrouble = Meaning(
        .storageFailed, "the server could not read or write its files", "Look at the disk and the server's log.",
        retry: .safe)
    static let replaced = Meaning(
        .corrupted, "the tables don't hold what this process has written",
        "Was an older copy restored, or a server promoted that had not everything? Open the store again.")
    static let corrupt = Meaning(.corrupted, "the database is damaged", "Restore a backup.")
    static let failed = Meaning(.storageFailed, "the database failed", "The words above tell why.")
}
