internal import CPostgres
internal import CairnModel
internal import CairnSQL
internal import Glibc

// Opening connections: to the first of the URL's hosts that will do.

extension Connection {
    /// Opens a connection for a role to the first host that suits it. Blocks.
    ///
    /// Each host is tried by itself, so that one that doesn't answer costs its own time and not that of the others.
    /// Reads that may be stale look for a standby first, and take any server if there is none.
    static func open(
        _ url: PostgresURL, for role: SessionRole, suspicion: PoolerSuspicion = PoolerSuspicion()
    ) throws(StoreError) -> Connection {
        var options = url.options
        let wishes: [String?] =
            switch role {
            case _ where options["target_session_attrs"] != nil: [nil]
            case .writing, .reading: ["read-write"]
            case .stale: ["standby", "any"]
            }
        var failures: [StoreError] = []
        for wish in wishes {
            if let wish { options["target_session_attrs"] = wish }
            for host in url.hosts.map({ $0.map(Optional.some) }) ?? [nil] {
                if let host {
                    options["host"] = host.name
                    options["hostaddr"] = host.address
                    options["port"] = host.port
                }
                do throws(StoreError) {
                    return try open(options, place: url.place, suspicion)
                } catch {
                    failures.append(error)
                }
            }
        }
        throw worst(of: failures, place: url.place)
    }

    /// Opens the connection that listens: where the URL says, or where batches are written.
    static func openListening(_ url: PostgresURL) throws(StoreError) -> Connection {
        guard let listen = url.listen else { return try open(url, for: .writing) }
        var options = url.options
        options["host"] = listen.host
        options["hostaddr"] = nil
        options["port"] = listen.port
        return try open(options, place: "\(url.place) (listen=\(listen.host):\(listen.port))", PoolerSuspicion())
    }

    /// What is worth telling: a refusal more than a host that is away, which may be as it should.
    private static func worst(of failures: [StoreError], place: String) -> StoreError {
        failures.first { $0.code != .unavailable } ?? failures.last
            ?? StoreError(.invalidURL, "\(place): the URL names no host")
    }

    /// Opens a connection to one host.
    private static func open(
        _ options: [String: String], place: String, _ suspicion: PoolerSuspicion
    ) throws(StoreError) -> Connection {
        let all = defaults.merging(options) { $1 }
        // Waiting is ours to do; libpq heeds this option only where it waits itself.
        let seconds = options["connect_timeout"].flatMap { Int($0) }.flatMap { $0 > 0 ? max($0, 2) : nil } ?? 5
        let handle = withCStrings(all) { PQconnectStartParams($0, $1, 0) }
        guard let handle else { throw StoreError(.storageFailed, "\(place): there is not enough memory") }
        do throws(StoreError) {
            // With the SQLSTATE in it, what the server says can be told apart in any language.
            PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
            // Its notices would go to the standard error output.
            PQsetNoticeReceiver(handle, { _, _ in }, nil)
            try finishOpening(handle, within: .seconds(seconds), place: place)
            guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
                throw .lostConnection("", place: place)
            }
        } catch {
            PQfinish(handle)
            throw error
        }
        return Connection(handle, place: place, suspicion: suspicion)
    }

    /// What a connection has if the URL doesn't say otherwise. A host that has died without a word is noticed after
    /// some ten seconds.
    private static let defaults = [
        "fallback_application_name": "cairn", "client_encoding": "UTF8", "keepalives": "1", "keepalives_idle": "5",
        "keepalives_interval": "2", "keepalives_count": "3", "tcp_user_timeout": "10000",
    ]

    private static func finishOpening(
        _ handle: OpaquePointer, within limit: Duration, place: String
    ) throws(StoreError) {
        let deadline = ContinuousClock.now + limit
        // The first wait is always for writing.
        var waitsFor = PGRES_POLLING_WRITING
        while PQstatus(handle) != CONNECTION_BAD {
            let events = waitsFor == PGRES_POLLING_READING ? POLLIN : POLLOUT
            var poller = pollfd(fd: PQsocket(handle), events: Int16(events), revents: 0)
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else {
                throw StoreError(
                    .unavailable,
                    "\(place): the server did not answer within \(limit.components.seconds) s. "
                        + "Check host and port in the URL, and the network.", retry: .safe)
            }
            if poll(&poller, 1, Int32(clamping: left.microseconds / 1_000 + 1)) <= 0 { continue }
            waitsFor = PQconnectPoll(handle)
            if waitsFor == PGRES_POLLING_OK { return }
            if waitsFor == PGRES_POLLING_FAILED { break }
        }
        throw .unopened(PQerrorMessage(handle).map { String(cString: $0) } ?? "", place: place)
    }

    /// Two lists of C strings, ended by NULL, for the time of `body`: the pointers are freed here.
    private static func withCStrings<Result>(
        _ options: [String: String],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        let entries = Array(options)
        let keywords = entries.map { strdup($0.key) }
        let values = entries.map { strdup($0.value) }
        defer { for string in keywords + values { free(string) } }
        return body(keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil])
    }
}
