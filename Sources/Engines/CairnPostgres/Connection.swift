internal import CPostgres
internal import CairnModel
internal import Glibc
internal import Synchronization

/// One connection to a PostgreSQL server, always in libpq's pipeline mode.
///
/// ``run(_:)`` sends any number of statements with one synchronisation point at their end, and reads all answers: one
/// round trip. Statements have binary parameters and results; those with a name are prepared on first use, in the same
/// round trip. Sending and receiving go on at the same time, so that neither side ever waits with full buffers for the
/// other. All waiting is poll(2) on the calling thread.
///
/// `@unchecked Sendable`: a connection is handed from thread to thread, but who has it is the only one to use it.
final class Connection: @unchecked Sendable {
    /// Where it leads, for messages.
    let place: String
    /// Told when a pooler shows that the URL denies.
    private let suspicion: PoolerSuspicion
    private let handle: OpaquePointer
    /// Whether it can't be used any more.
    private(set) var isBroken = false
    /// Whether a pooler may give each transaction another connection to the server, so that nothing may be left behind
    /// on one: neither prepared statements nor settings.
    var isPooled = false
    /// How long the server may be silent while it owes an answer. As long as a batch is tried for: a server that hangs
    /// keeps nobody waiting longer than one that is away.
    var patience = Duration.seconds(10)

    /// The answers that are still to come, in order.
    private var expected: [Answer] = []
    /// How many synchronisation points at the front of ``expected`` nobody waits for.
    private var forgotten = 0
    /// Statements that the server keeps prepared.
    private var prepared: Set<String> = []
    /// What is to be sent in front of the next statements.
    private var prelude: [Call] = []
    /// Whether the server has said that a commit is not as safe as it should be: see ``takeNotice(_:)``.
    private var hasLostReplication = false

    private enum Answer {
        case prepared(String)
        case result
        case synchronised
    }

    /// Takes over a connection that is open, in pipeline mode and doesn't block; see `Connection+Open.swift`.
    init(_ handle: OpaquePointer, place: String, suspicion: PoolerSuspicion) {
        self.handle = handle
        self.place = place
        self.suspicion = suspicion
        PQsetNoticeReceiver(
            handle,
            { context, result in
                guard let context, let result else { return }
                // Not retained, and alive: libpq calls this only within calls that this object makes.
                Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().takeNotice(result)
            },
            // Not retained: this object closes the connection before it goes.
            Unmanaged.passUnretained(self).toOpaque()
        )
        PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
    }

    deinit { close() }

    // MARK: Statements

    /// Runs one statement; see ``run(_:)``.
    func run(_ call: Call) throws(StoreError) -> Rows {
        let rows = try run([call])
        guard let last = rows.last else { throw lost() }
        return last
    }

    /// Sends these statements in one go, and returns what each answers.
    ///
    /// Without BEGIN and COMMIT among them they are one transaction. The first that fails keeps those after it from
    /// being run, and its error is thrown when all answers are in. When the connection breaks on the way, ``isBroken``
    /// is true, and what was sent may have been done.
    ///
    /// `next` are sent in the same go, after a synchronisation point of their own, for ``collect()``.
    func run(_ calls: [Call], andAhead next: [Call] = []) throws(StoreError) -> [Rows] {
        let leading = prelude.count
        try send(prelude + calls)
        prelude = []
        if !next.isEmpty {
            try send(next)
            isAhead = true
        }
        return Array(try receiveAwaited().dropFirst(leading))
    }

    /// Whether there are statements that were sent ahead, and whose answers nobody has read.
    private(set) var isAhead = false

    /// The answers to what was sent ahead; see ``run(_:andAhead:)``.
    func collect() throws(StoreError) -> [Rows] {
        isAhead = false
        return try receiveAwaited()
    }

    /// Lets the answers go to what was sent ahead, and to nothing after it yet.
    func forgetAhead() {
        if isAhead { forgotten += 1 }
        isAhead = false
    }

    /// Reads what nobody waits for, and then what somebody does.
    private func receiveAwaited() throws(StoreError) -> [Rows] {
        while forgotten > 0 {
            forgotten -= 1
            // Whatever it was, its transaction is over; a broken connection shows again below.
            do throws(StoreError) { _ = try receive() } catch { if isBroken { throw error } }
        }
        return try receive()
    }

    /// Sends these statements, and doesn't wait for their answers, which nobody wants to know.
    func post(_ calls: [Call]) {
        guard !isBroken else { return }
        do throws(StoreError) {
            try send(calls)
            forgotten += 1
            // What doesn't go out at once goes out with what follows.
            if PQflush(handle) < 0 { isBroken = true }
        } catch {
            isBroken = true
        }
    }

    /// Has a statement sent in front of the next ones, in their round trip. Its result is not returned.
    func announce(_ call: Call) { prelude.append(call) }

    /// Takes back what was announced and not sent yet. Returns whether there was anything.
    func takeBack() -> Bool {
        defer { prelude = [] }
        return !prelude.isEmpty
    }

    /// Whether a transaction is open, or has failed and is still to be ended.
    var isInTransaction: Bool { PQtransactionStatus(handle) != PQTRANS_IDLE }

    /// Whether, since the last time this was asked, a commit has been done on the primary alone because its wait for
    /// the synchronous standby was broken off.
    func takeLostReplication() -> Bool {
        defer { hasLostReplication = false }
        return hasLostReplication
    }

    /// Marks the connection as one that is not to be used any more.
    func giveUp() { isBroken = true }

    private var isClosed = false

    /// Closes the connection. What was sent and not answered may still be done by the server.
    func close() {
        if isClosed { return }
        isClosed = true
        isBroken = true
        PQfinish(handle)
    }

    /// The process on the server, as the server has told when the connection was opened. A pooler makes one up.
    var backend: Int32 { PQbackendPID(handle) }
    /// The socket, for waiting for notifications.
    var socket: Int32 { PQsocket(handle) }

    // MARK: Sending

    private func send(_ calls: [Call]) throws(StoreError) {
        guard !isBroken else { throw lost() }
        for call in calls {
            let name = isPooled ? "" : call.statement.name
            if !name.isEmpty, prepared.insert(name).inserted {
                guard PQsendPrepare(handle, name, call.statement.sql, 0, nil) == 1 else { throw lost() }
                expected.append(.prepared(name))
            }
            guard send(call, name: name) == 1 else { throw lost() }
            expected.append(.result)
        }
        guard PQpipelineSync(handle) == 1 else { throw lost() }
        expected.append(.synchronised)
    }

    /// The pointers into the parameters' buffer live for the call; libpq copies what they point to.
    private func send(_ call: Call, name: String) -> Int32 {
        let parameters = call.parameters
        let lengths = parameters.ranges.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: parameters.count)
        return parameters.bytes.withUnsafeBytes { buffer in
            // An empty buffer may have no address, but an empty parameter needs one to differ from NULL.
            withUnsafeBytes(of: UInt64(0)) { nothing in
                let start = buffer.baseAddress ?? nothing.baseAddress
                let values = parameters.ranges.map { range in
                    range.flatMap { start?.advanced(by: $0.lowerBound).assumingMemoryBound(to: CChar.self) }
                }
                let count = Int32(parameters.count)
                return if name.isEmpty {
                    PQsendQueryParams(handle, call.statement.sql, count, nil, values, lengths, formats, 1)
                } else {
                    PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
                }
            }
        }
    }

    // MARK: Receiving

    /// Reads the answers up to the next synchronisation point.
    private func receive() throws(StoreError) -> [Rows] {
        var rows: [Rows] = []
        var failure: StoreError?
        while !expected.isEmpty {
            let answer = expected.removeFirst()
            guard let result = try nextResult() else { throw lost() }
            let status = PQresultStatus(result)
            switch status {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
                if case .result = answer { rows.append(Rows(result)) } else { PQclear(result) }
            case PGRES_PIPELINE_SYNC:
                PQclear(result)
                if let failure { throw failure }
                return rows
            default:
                if case .prepared(let name) = answer { prepared.remove(name) }
                if failure == nil, status != PGRES_PIPELINE_ABORTED { failure = note(result) }
                PQclear(result)
                // What the server says before it hangs up tells more than that it has done so.
                if PQstatus(handle) == CONNECTION_BAD {
                    isBroken = true
                    throw failure ?? lost()
                }
            }
            // Each statement's results end with none.
            while let more = try nextResult() { PQclear(more) }
        }
        throw lost()
    }

    /// The next result, or `nil` where a statement's results end. Waits for it.
    private func nextResult() throws(StoreError) -> OpaquePointer? {
        while PQisBusy(handle) == 1 {
            let unsent = PQflush(handle)
            // When sending fails, there may be a last word to read.
            try wait(forWriting: unsent == 1)
        }
        return PQgetResult(handle)
    }

    /// Waits until there is something to read, or room to write, and reads.
    private func wait(forWriting: Bool) throws(StoreError) {
        var poller = pollfd(fd: PQsocket(handle), events: Int16(POLLIN | (forWriting ? POLLOUT : 0)), revents: 0)
        let milliseconds = Int32(clamping: patience.microseconds / 1_000)
        let count = poll(&poller, 1, milliseconds)
        if count < 0, errno == EINTR { return }
        guard count > 0 else {
            isBroken = true
            throw StoreError(
                .unavailable,
                "\(place): the server has not answered for \(patience.components.seconds) s. See whether it hangs.",
                retry: .safe
            )
        }
        if poller.revents & Int16(POLLIN | POLLERR | POLLHUP) != 0, PQconsumeInput(handle) == 0 {
            // PQgetResult tells what was received before, and then that the connection is gone.
            guard PQisBusy(handle) == 0 else { throw lost() }
        }
    }

    // MARK: Errors

    /// The error that the server has answered, and what follows from it for the connection.
    private func note(_ result: OpaquePointer) -> StoreError {
        let words = ServerWords(result)
        guard let words else { return lost() }
        if words.meansLostStatement {
            // Somebody has put a pooler in between, or swept the connection; from now on nothing is left on it.
            isPooled = true
            prepared = []
            suspicion.raise()
        }
        if words.endsConnection { isBroken = true }
        return .postgres(words, place: place)
    }

    /// That the connection is gone, in libpq's words.
    private func lost() -> StoreError {
        isBroken = true
        let words = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
        return .lostConnection(words, place: place)
    }

    /// Looks at what the server tells unasked.
    ///
    /// A commit whose wait for its standby is cancelled is done, but only on the primary, and the server says so in a
    /// warning. That comes from one function, whose name doesn't depend on the server's language.
    private func takeNotice(_ result: OpaquePointer) {
        let function = PQresultErrorField(result, ServerWords.sourceFunctionField).map { String(cString: $0) }
        if function == "SyncRepWaitForLSN" { hasLostReplication = true }
    }

    // MARK: Notifications

    /// Reads what has come, and returns the texts of notifications. Doesn't wait.
    func notifications() throws(StoreError) -> [String] {
        guard PQconsumeInput(handle) == 1 else { throw lost() }
        var texts: [String] = []
        while let notification = PQnotifies(handle) {
            texts.append(String(cString: notification.pointee.extra))
            PQfreemem(notification)
        }
        return texts
    }
}

/// Whether a pooler was noticed by what it did, where nobody had told of it.
final class PoolerSuspicion: Sendable {
    private let flag = Atomic<Bool>(false)

    /// Whether one was noticed.
    var isRaised: Bool { flag.load(ordering: .relaxed) }

    /// Notes that there is one.
    func raise() { flag.store(true, ordering: .relaxed) }
}
