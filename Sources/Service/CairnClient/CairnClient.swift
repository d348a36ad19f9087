public import CairnModel
internal import CairnProtocol
public import CairnRPC
internal import CairnWire
internal import Foundation
internal import SwiftProtobuf

/// A ``Store`` over gRPC: the same contract, with a server in between.
///
/// Calls that are safe to repeat are repeated with growing, jittered waits while the server can't be reached: reads,
/// acknowledgements, keep-alives, and writes with a request id. Any other write is repeated only when the server
/// surely never saw it; otherwise it fails with ``CairnModel/StoreError/Retry/unknownOutcome``. A stream resumes by
/// itself, by ref.
public final class CairnClient: Store {
    /// How a client behaves.
    public struct Configuration: Sendable {
        /// How it connects.
        public var rpc = RPCClientConfiguration()
        /// How long one call may take, repetitions included. Streams have no such limit. `nil` for ever.
        public var timeout: Duration? = .seconds(10)
        /// How often a call is tried in all.
        public var attempts = 5
        /// The waits between attempts.
        public var backoff = RPCBackoff()
        /// Metadata to send with every call.
        public var metadata: RPCMetadata = [:]
        /// The token that says who calls, for servers that want one. Whoever reads the connection reads it, so use TLS,
        /// or a unix socket.
        public var token: String?
        /// Who writes, for transactions that don't say so themselves.
        public var clientID = ""

        /// Everything at its default.
        public init() {}
    }

    /// What the server can do, if ``connect(to:configuration:)`` asked it; else everything, and the server says no.
    public let capabilities: Capabilities
    /// The server's limits, if ``connect(to:configuration:)`` asked for them; else the standard ones.
    public let limits: Limits

    let calls: CallRunner

    /// A client of the servers at `addresses`, which are equal: each is as good as another. Connects at the first call.
    ///
    /// Throws ``CairnModel/StoreError/Code/invalidArgument`` if there is no address, or the TLS material can't be used.
    public convenience init(to addresses: [RPCAddress], configuration: Configuration = .init()) throws(StoreError) {
        try self.init(
            CallRunner(to: addresses, configuration), capabilities: Capabilities(Set(Capability.allCases)),
            limits: .standard)
    }

    private init(_ calls: CallRunner, capabilities: Capabilities, limits: Limits) {
        self.calls = calls
        self.capabilities = capabilities
        self.limits = limits
    }

    /// A client that has asked the server what it can do. Throws what ``init(to:configuration:)`` does, and
    /// ``CairnModel/StoreError/Code/unavailable`` when no server answers.
    public static func connect(
        to addresses: [RPCAddress], configuration: Configuration = .init()
    ) async throws(StoreError) -> CairnClient {
        let calls = try CallRunner(to: addresses, configuration)
        do {
            let status: Cairn_V1_StatusResponse = try await calls.unary(
                "cairn.v1.Maintenance/Status", Cairn_V1_StatusRequest(), isSafe: true)
            return CairnClient(
                calls, capabilities: Capabilities(Set(status.capabilities.map(Capability.init(rawValue:)))),
                limits: Limits(wire: status.limits))
        } catch {
            await calls.close()
            throw error
        }
    }

    /// Ends the streams, waits for calls under way, then closes the connections. The server goes on.
    public func close() async { await calls.close() }
}

// Reading.
extension CairnClient {
    /// The live record of a key, or `nil`.
    public func get(
        _ key: Key, consistency: ReadConsistency, clientID: String
    ) async throws(StoreError) -> Record? {
        var request = Cairn_V1_GetRequest()
        request.key = key.wire
        request.stale = consistency == .stale
        request.clientID = name(or: clientID)
        do throws(StoreError) {
            let response: Cairn_V1_GetResponse = try await calls.unary("cairn.v1.KeyValue/Get", request, isSafe: true)
            return Record(wire: response.record)
        } catch {
            if error.code == .keyNotFound { return nil }
            throw error
        }
    }

    /// A page of live records.
    public func list(_ request: ListRequest) async throws(StoreError) -> ListPage {
        _ = try request.limit?.checkedAsLimit()
        _ = try request.depth?.checkedAsLimit("depth")
        var request = request
        request.clientID = name(or: request.clientID)
        let response: Cairn_V1_ListResponse = try await calls.unary(
            "cairn.v1.KeyValue/List", request.wire, isSafe: true)
        return ListPage(wire: response)
    }

    /// A state that a key has or had, or `nil`.
    public func revision(
        of key: Key, _ revision: Revision, clientID: String
    ) async throws(StoreError) -> KeyRevision? {
        let request = Cairn_V1_GetRevisionRequest(key, revision, clientID: name(or: clientID))
        do throws(StoreError) {
            let response: Cairn_V1_GetRevisionResponse = try await calls.unary(
                "cairn.v1.KeyValue/GetRevision", request, isSafe: true)
            return KeyRevision(wire: response.revision)
        } catch {
            if error.code == .revisionNotFound { return nil }
            throw error
        }
    }

    /// The states of a key, newest first.
    public func history(_ request: HistoryRequest) async throws(StoreError) -> HistoryPage {
        _ = try request.limit?.checkedAsLimit()
        var request = request
        request.clientID = name(or: request.clientID)
        let response: Cairn_V1_GetHistoryResponse = try await calls.unary(
            "cairn.v1.KeyValue/GetHistory", request.wire, isSafe: true)
        return HistoryPage(wire: response)
    }

    /// A lease, with the live keys on it if asked.
    public func lease(_ id: LeaseID, withKeys: Bool) async throws(StoreError) -> LeaseStatus? {
        do throws(StoreError) {
            let response: Cairn_V1_LeaseResponse = try await calls.unary(
                "cairn.v1.Leases/Show",
                Cairn_V1_ShowLeaseRequest.with {
                    $0.id = id.rawValue
                    $0.keys = withKeys
                }, isSafe: true)
            return LeaseStatus(wire: response.lease)
        } catch {
            if error.code == .leaseNotFound { return nil }
            throw error
        }
    }

    /// Leases that were granted or have a deadline.
    public func leases(from first: LeaseID, limit: Int) async throws(StoreError) -> [LeaseStatus] {
        let limit = try limit.checkedAsLimit()
        let response: Cairn_V1_ListLeasesResponse = try await calls.unary(
            "cairn.v1.Leases/List",
            Cairn_V1_ListLeasesRequest.with {
                $0.from = first.rawValue
                $0.limit = Int32(clamping: limit)
            }, isSafe: true)
        return response.leases.map(LeaseStatus.init(wire:))
    }

    /// A consumer, or `nil` when none of that name has acknowledged anything.
    public func consumer(_ name: String) async throws(StoreError) -> Consumer? {
        do throws(StoreError) {
            let response: Cairn_V1_ConsumerResponse = try await calls.unary(
                "cairn.v1.Consumers/Get", Cairn_V1_GetConsumerRequest.with { $0.name = name }, isSafe: true)
            return Consumer(wire: response.consumer)
        } catch {
            if error.code == .consumerNotFound { return nil }
            throw error
        }
    }

    /// The consumers by name.
    public func consumers(after name: String, limit: Int) async throws(StoreError) -> [Consumer] {
        let limit = try limit.checkedAsLimit()
        let response: Cairn_V1_ListConsumersResponse = try await calls.unary(
            "cairn.v1.Consumers/List",
            Cairn_V1_ListConsumersRequest.with {
                $0.after = name
                $0.limit = Int32(clamping: limit)
            }, isSafe: true)
        return response.consumers.map(Consumer.init(wire:))
    }

    /// Where the log begins and ends.
    public func status() async throws(StoreError) -> StoreStatus {
        let response: Cairn_V1_StatusResponse = try await calls.unary(
            "cairn.v1.Maintenance/Status", Cairn_V1_StatusRequest(), isSafe: true)
        return StoreStatus(
            headRef: Ref(response.headRef), oldestRef: Ref(response.oldestRef),
            time: Timestamp(microseconds: response.timeUs), home: response.home)
    }
}

// Writing and watching.
extension CairnClient {
    /// Who calls, if the caller doesn't say.
    func name(or clientID: String) -> String { clientID.isEmpty ? calls.configuration.clientID : clientID }

    /// Runs a transaction, and returns when the server says that it is durable.
    public func commit(_ transaction: Transaction) async throws(StoreError) -> TransactionResult {
        try transaction.checkForWire()
        var transaction = transaction
        transaction.clientID = name(or: transaction.clientID)
        if let result = try await commitSet(transaction) { return result }
        let response: Cairn_V1_CommitResponse = try await calls.unary(
            "cairn.v1.KeyValue/Commit", transaction.wire, isSafe: transaction.isSafeToRepeat)
        return try TransactionResult(wire: response, to: transaction)
    }

    /// The most frequent transaction, one plain set, has a call of its own, with half the work for both sides.
    private func commitSet(_ transaction: Transaction) async throws(StoreError) -> TransactionResult? {
        guard transaction.conditions.isEmpty, transaction.operations.count == 1,
            case .set(let key, let value, let lease, let expiry, skipIfUnchanged: false) = transaction.operations[0]
        else { return nil }
        var request = Cairn_V1_SetRequest()
        request.key = key.wire
        request.value = Data(value.content)
        request.valueKind = value.wireKind
        if let type = value.contentType { request.contentType = type }
        if let lease { request.leaseID = lease.rawValue }
        if expiry != .keep { request.expiry = expiry.wire }
        if let id = transaction.requestID { request.requestID = Data(id.bytes) }
        request.clientID = transaction.clientID
        let response: Cairn_V1_SetResponse = try await calls.unary(
            "cairn.v1.KeyValue/Set", request, isSafe: transaction.requestID != nil)
        var record = Record(wire: response.record)
        record.value = value
        return TransactionResult(results: [.written(record)], ref: record.updatedRef)
    }

    /// Streams events. After a broken connection the stream goes on after the last event that it delivered.
    ///
    /// With ``CairnModel/WatchRequest/Start/current``, a connection that breaks before the first `progress` makes the
    /// records come anew. Of reads, those that are told while there is no connection are missing; that is told.
    public func watch(_ request: WatchRequest) async throws(StoreError) -> WatchStream {
        if request.wantsAccesses { try capabilities.require(.accesses) }
        let source = RemoteWatch(request, calls: calls)
        try await source.open()
        return WatchStream(source)
    }

    /// Writes a copy of the server's store to a file here, which must not exist.
    public func backup(toFile path: String) async throws(StoreError) {
        try capabilities.require(.backup)
        try await BackupDownload(path: path, calls: calls).run()
    }
}

extension Transaction {
    /// Whether doing it twice is the same as doing it once.
    fileprivate var isSafeToRepeat: Bool {
        if requestID != nil { return true }
        return (operations + otherwise).allSatisfy { operation in
            switch operation {
            case .get, .touch, .keepAlive, .acknowledge, .compact: true
            default: false
            }
        }
    }
}

extension Limits {
    fileprivate init(wire message: Cairn_V1_Limits) {
        self.init()
        keyBytes = Int(message.keyBytes)
        valueBytes = Int(message.valueBytes)
        transactionOperations = Int(message.transactionOperations)
        transactionBytes = Int(message.transactionBytes)
        transactionEvents = Int(message.transactionEvents)
        nameBytes = Int(message.nameBytes)
        pageEntries = Int(message.pageEntries)
        pageBytes = Int(message.pageBytes)
    }
}
