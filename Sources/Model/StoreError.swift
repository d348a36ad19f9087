/// Why a store did not do what it was asked.
///
/// The message says what happened, to which key, and what to do about it. Programs look at ``code`` and ``retry``.
public struct StoreError: Error, Hashable, Sendable {
    /// What went wrong. An open set; the raw value is the reason that goes over the wire.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The reason, in capitals.
        public let rawValue: String
        /// The code with this reason.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// Whether trying the same again makes sense.
    public enum Retry: Hashable, Sendable {
        /// It would fail again.
        case never
        /// Nothing was changed, and it may work now or soon.
        case safe
        /// It may work now, but the first try may have taken effect.
        case unknownOutcome
    }

    /// What went wrong.
    public var code: Code
    /// What happened, in a sentence for people.
    public var message: String
    /// The key it is about, if it is about one.
    public var key: Key?
    /// The ref it is about: the one that was asked for.
    public var ref: Ref?
    /// The oldest event that the log still has, with ``Code/compacted``.
    public var oldestRef: Ref?
    /// The last event in the log, with ``Code/futureRef``.
    public var headRef: Ref?
    /// What was there instead, with ``Code/conditionFailed``.
    public var failedCondition: FailedCondition?
    /// Whether trying again makes sense.
    public var retry: Retry
    /// The number that the home below gave, such as SQLite's extended result code; 0 if there is none.
    public var nativeCode: Int32

    /// An error with a code and a message; the rest as it applies.
    public init(
        _ code: Code, _ message: String, key: Key? = nil, ref: Ref? = nil, oldestRef: Ref? = nil, headRef: Ref? = nil,
        failedCondition: FailedCondition? = nil, retry: Retry = .never, nativeCode: Int32 = 0
    ) {
        self.code = code
        self.message = message
        self.key = key
        self.ref = ref
        self.oldestRef = oldestRef
        self.headRef = headRef
        self.failedCondition = failedCondition
        self.retry = retry
        self.nativeCode = nativeCode
    }
}

extension StoreError.Code {
    /// The key is empty or too long.
    public static let invalidKey = Self(rawValue: "INVALID_KEY")
    /// The value is larger than ``Limits/valueBytes``.
    public static let valueTooLarge = Self(rawValue: "VALUE_TOO_LARGE")
    /// The transaction has too many operations, too many bytes, or would end too many keys.
    public static let transactionTooLarge = Self(rawValue: "TRANSACTION_TOO_LARGE")
    /// Something else in the request makes no sense; the message says what.
    public static let invalidArgument = Self(rawValue: "INVALID_ARGUMENT")
    /// A ref is negative.
    public static let invalidRef = Self(rawValue: "INVALID_REF")
    /// The key does not exist.
    public static let keyNotFound = Self(rawValue: "KEY_NOT_FOUND")
    /// The key has no such revision, or what it was isn't to be seen any more.
    public static let revisionNotFound = Self(rawValue: "REVISION_NOT_FOUND")
    /// The store is set to tell nothing of what the key was.
    public static let historyOff = Self(rawValue: "HISTORY_OFF")
    /// A condition did not hold, and nothing was changed.
    public static let conditionFailed = Self(rawValue: "CONDITION_FAILED")
    /// The lease does not exist, or has expired.
    public static let leaseNotFound = Self(rawValue: "LEASE_NOT_FOUND")
    /// There is a lease with the id that was chosen.
    public static let leaseExists = Self(rawValue: "LEASE_EXISTS")
    /// Another client has locked the key.
    public static let keyLocked = Self(rawValue: "KEY_LOCKED")
    /// There is no consumer of that name.
    public static let consumerNotFound = Self(rawValue: "CONSUMER_NOT_FOUND")
    /// The event asked for lies beyond the end of the log.
    public static let futureRef = Self(rawValue: "FUTURE_REF")
    /// The event asked for is no longer kept; ``StoreError/oldestRef`` is the first that is.
    public static let compacted = Self(rawValue: "COMPACTED")
    /// The log ends before an event that had been committed: the database has lost it, as a fail-over to an
    /// asynchronous replica or a restored backup may do. ``StoreError/headRef`` is the last event that there is now.
    public static let logWentBack = Self(rawValue: "LOG_WENT_BACK")
    /// The server wants a token, and the call has none.
    public static let tokenMissing = Self(rawValue: "TOKEN_MISSING")
    /// The server doesn't know the call's token, or can't verify it.
    public static let tokenInvalid = Self(rawValue: "TOKEN_INVALID")
    /// The call's token was good, and is not any more.
    public static let tokenExpired = Self(rawValue: "TOKEN_EXPIRED")
    /// The caller may not do this; nothing is said of whether the key exists.
    public static let permissionMissing = Self(rawValue: "PERMISSION_MISSING")
    /// The caller gave a client id that is not its own.
    public static let clientIDMismatch = Self(rawValue: "CLIENT_ID_MISMATCH")
    /// The call is for those who run the server, and the server has not been told who they are.
    public static let adminNotConfigured = Self(rawValue: "ADMIN_NOT_CONFIGURED")
    /// The call is for those who run the server, and the caller is none of them.
    public static let notAdmin = Self(rawValue: "NOT_ADMIN")
    /// The server takes no writes for now; reads and streams go on.
    public static let readOnly = Self(rawValue: "READ_ONLY")
    /// This home can't do it; the message names the capability.
    public static let unsupported = Self(rawValue: "UNSUPPORTED")
    /// As many streams are open as the server allows.
    public static let tooManyWatches = Self(rawValue: "TOO_MANY_WATCHES")
    /// Too much is waiting to be written.
    public static let overloaded = Self(rawValue: "OVERLOADED")
    /// There are as many keys as there may be; keys that exist can still be set.
    public static let maxKeys = Self(rawValue: "MAX_KEYS")
    /// The store is closed or closing.
    public static let closed = Self(rawValue: "CLOSED")
    /// The store can't be reached now.
    public static let unavailable = Self(rawValue: "UNAVAILABLE")
    /// The deadline of the call passed.
    public static let deadlineExceeded = Self(rawValue: "DEADLINE_EXCEEDED")
    /// The caller gave up.
    public static let cancelled = Self(rawValue: "CANCELLED")
    /// No such home: the URL is malformed, or its scheme is not known.
    public static let invalidURL = Self(rawValue: "INVALID_URL")
    /// The file is not one of ours.
    public static let foreignFile = Self(rawValue: "FOREIGN_FILE")
    /// A newer Cairn wrote the file.
    public static let formatTooNew = Self(rawValue: "FORMAT_TOO_NEW")
    /// The database doesn't take the user's name and password.
    public static let authenticationFailed = Self(rawValue: "AUTHENTICATION_FAILED")
    /// The server has no database of that name.
    public static let databaseNotFound = Self(rawValue: "DATABASE_NOT_FOUND")
    /// The home is set to be only read, and not because it is a replica that waits to take over.
    public static let readOnlyHome = Self(rawValue: "READ_ONLY_HOME")
    /// The server is too old, or set so that it can't be a home; the message says what to change.
    public static let unsuitableHome = Self(rawValue: "UNSUITABLE_HOME")
    /// The home may not be written to, or not be opened at all, with the rights we have.
    public static let permissionDenied = Self(rawValue: "PERMISSION_DENIED")
    /// There is no room for the change.
    public static let storageFull = Self(rawValue: "STORAGE_FULL")
    /// What was read is not what was written.
    public static let corrupted = Self(rawValue: "CORRUPTED")
    /// Somebody else holds the home for too long.
    public static let storageBusy = Self(rawValue: "STORAGE_BUSY")
    /// The home failed in another way; the message has its words.
    public static let storageFailed = Self(rawValue: "STORAGE_FAILED")
    /// A defect of ours.
    public static let `internal` = Self(rawValue: "INTERNAL")
}

extension StoreError: CustomStringConvertible {
    /// The message and the code.
    public var description: String { "\(message) (\(code.rawValue))" }
}
