internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnWire
internal import SwiftProtobuf

/// `cairn.v1.KeyValue`: records and transactions.
struct KeyValueService: Sendable {
    let store: any Store
    /// For most reads and sets, which have nothing to them but a key and a value: for those no task is made.
    let shortWay: ShortWay?

    func register(on router: inout RPCRouter) {
        let shortWay = shortWay
        router.unary(
            "cairn.v1.KeyValue/Get",
            ready: { request, call in
                guard let shortWay, let key = Key(encodedGetRequest: request),
                    let record = shortWay.readyRecord(key, for: call)
                else { return nil }
                return record.encodedResponse(withValue: true)
            },
            deferred: { request, call, reply in
                guard let shortWay, let key = Key(encodedGetRequest: request) else { return false }
                return shortWay.get(key, for: call) { answer in reply.send { try response(to: answer, of: key) } }
            }, { request, _ in try await get(request) })
        router.unary("cairn.v1.KeyValue/List") { request, _ in try await list(request) }
        router.unary("cairn.v1.KeyValue/GetRevision") { request, _ in try await revision(request) }
        router.unary("cairn.v1.KeyValue/GetHistory") { request, _ in try await history(request) }
        router.unary(
            "cairn.v1.KeyValue/Set",
            deferred: { request, call, reply in
                guard let shortWay, let transaction = Transaction(encodedSetRequest: request) else { return false }
                return shortWay.commit(transaction, for: call, isWanted: { reply.isWanted }) { answer in
                    reply.send {
                        // Kept until here, so that its memory is freed by the thread that allocated it: the other way
                        // round costs the allocator a good deal more, on both threads.
                        try withExtendedLifetime(transaction) { try response(to: answer) }
                    }
                }
            }, { request, _ in try await set(request) })
        router.unary("cairn.v1.KeyValue/Delete") { request, _ in try await delete(request) }
        router.unary("cairn.v1.KeyValue/Commit") { request, _ in try await commit(request) }
        router.clientStreaming("cairn.v1.KeyValue/Import") { requests, _ in try await importSets(requests) }
    }

    private func get(_ request: Cairn_V1_GetRequest) async throws -> EncodedMessage {
        try await answering { () throws(StoreError) in
            let key = Key(wire: request.key)
            let record = try await store.get(
                key, consistency: request.stale ? .stale : .linearizable, clientID: request.clientID)
            guard let record else { throw .keyNotFound(key) }
            return record.encodedResponse(withValue: true)
        }
    }

    private func list(_ request: Cairn_V1_ListRequest) async throws -> EncodedMessage {
        try await answering { () throws(StoreError) in try await store.list(ListRequest(wire: request)).encoded }
    }

    private func revision(_ request: Cairn_V1_GetRevisionRequest) async throws -> Cairn_V1_GetRevisionResponse {
        try await answering { () throws(StoreError) in
            let key = Key(wire: request.key)
            let wanted = request.wanted
            guard let revision = try await store.revision(of: key, wanted, clientID: request.clientID) else {
                throw .revisionNotFound(wanted, of: key)
            }
            return .with { $0.revision = revision.wire }
        }
    }

    private func history(_ request: Cairn_V1_GetHistoryRequest) async throws -> Cairn_V1_GetHistoryResponse {
        try await answering { () throws(StoreError) in try await store.history(HistoryRequest(wire: request)).wire }
    }

    private func set(_ request: Cairn_V1_SetRequest) async throws -> EncodedMessage {
        let transaction = try transaction(of: request)
        return try await answering { () throws(StoreError) in
            try response(to: try await store.commitChecked(transaction))
        }
    }

    private func delete(_ request: Cairn_V1_DeleteRequest) async throws -> Cairn_V1_DeleteResponse {
        try await answering { () throws(StoreError) in
            let key = Key(wire: request.key)
            let result = try await store.commitChecked(
                Transaction(
                    if: try conditions(request.conditions, on: key), then: [.delete(key)], clientID: request.clientID,
                    requestID: try RequestID.wire(request.requestID)))
            guard case .deleted(let records)? = result.results.first else { throw .malformedAnswer }
            guard let record = records.first else { throw .keyNotFound(key) }
            return .with { $0.record = record.wire(withValue: false) }
        }
    }

    private func commit(_ request: Cairn_V1_CommitRequest) async throws -> Cairn_V1_CommitResponse {
        try await answering { () throws(StoreError) in try await store.commit(Transaction(wire: request)).wire }
    }

    /// Sets in order, several transactions' worth of requests at a time, so that an import costs few commits.
    private func importSets(
        _ requests: RPCRequestStream<Cairn_V1_ImportRequest>
    ) async throws -> Cairn_V1_ImportResponse {
        var response = Cairn_V1_ImportResponse()
        var batch = Transaction(then: [])
        var bytes = 0
        for try await request in requests {
            let operation = try operation(of: request)
            let size = request.set.key.count + request.set.value.count + request.set.contentType.utf8.count + 1
            if batch.operations.count == store.limits.transactionOperations
                || bytes + size > store.limits.transactionBytes || request.clientID != batch.clientID
            {
                try await flush(&batch, into: &response)
                bytes = 0
            }
            batch.clientID = request.clientID
            batch.operations.append(operation)
            bytes += size
        }
        try await flush(&batch, into: &response)
        return response
    }

    private func flush(_ batch: inout Transaction, into response: inout Cairn_V1_ImportResponse) async throws {
        guard !batch.operations.isEmpty else { return }
        let result = try await answering { () throws(StoreError) in try await store.commit(batch) }
        response.count += Int64(batch.operations.count)
        response.ref = result.ref.rawValue
        batch.operations = []
    }
}

/// The conditions of a request about `key`.
func conditions(_ messages: [Cairn_V1_Condition], on key: Key?) throws(StoreError) -> [Condition] {
    var conditions: [Condition] = []
    for message in messages { conditions.append(try Condition(wire: message, key: key)) }
    return conditions
}

/// The response of a set that was not refused.
private func response(to result: TransactionResult) throws(StoreError) -> EncodedMessage {
    guard case .written(let record)? = result.results.first else { throw .malformedAnswer }
    return record.encodedResponse(withValue: false)
}

/// The response of a set without conditions.
private func response(to answer: Result<TransactionResult, StoreError>) throws -> EncodedMessage {
    do throws(StoreError) {
        return try response(to: try answer.get())
    } catch {
        throw RPCError(error)
    }
}

/// The response of a linearizable get.
private func response(to answer: Result<Record?, StoreError>, of key: Key) throws -> EncodedMessage {
    do throws(StoreError) {
        guard let record = try answer.get() else { throw .keyNotFound(key) }
        return record.encodedResponse(withValue: true)
    } catch {
        throw RPCError(error)
    }
}

/// The set of an import.
private func operation(of request: Cairn_V1_ImportRequest) throws -> CairnModel.Operation {
    do throws(StoreError) {
        return try request.set.operation()
    } catch {
        throw RPCError(error)
    }
}

/// The transaction of a set that has more to it than a key and a value.
private func transaction(of request: Cairn_V1_SetRequest) throws -> Transaction {
    do throws(StoreError) {
        let key = Key(wire: request.key)
        return Transaction(
            if: try conditions(request.conditions, on: key),
            then: [
                .set(
                    key, try Value(request: request.value, request.valueKind, contentType: request.contentType),
                    lease: request.leaseID == 0 ? nil : LeaseID(request.leaseID),
                    expiry: request.hasExpiry ? Expiry(wire: request.expiry) : .keep,
                    skipIfUnchanged: request.skipIfUnchanged)
            ], clientID: request.clientID, requestID: try RequestID.wire(request.requestID))
    } catch {
        throw RPCError(error)
    }
}
