package import CairnModel
package import CairnProtocol
internal import SwiftProtobuf

extension FailedCondition {
    /// The failed condition as a message.
    package var wire: Cairn_V1_FailedCondition {
        .with {
            $0.index = Int32(truncatingIfNeeded: index)
            $0.version = version
            $0.updatedRef = updatedRef.rawValue
        }
    }
}

extension TransactionResult {
    /// The result as a message. The values that were written are left out: who wrote them has them.
    package var wire: Cairn_V1_CommitResponse {
        .with {
            $0.succeeded = succeeded
            if let failedCondition { $0.failedCondition = failedCondition.wire }
            $0.results = results.map(\.wire)
            $0.ref = ref.rawValue
        }
    }

    /// The result of a message, an answer to `transaction`. Throws ``StoreError/Code/internal`` if it is none.
    package init(wire message: Cairn_V1_CommitResponse, to transaction: Transaction) throws(StoreError) {
        var failed: FailedCondition?
        if !message.succeeded {
            let index = Int(message.failedCondition.index)
            guard transaction.conditions.indices.contains(index) else { throw .malformedAnswer }
            failed = FailedCondition(
                index: index, condition: transaction.conditions[index], version: message.failedCondition.version,
                updatedRef: Ref(message.failedCondition.updatedRef))
        }
        let operations = message.succeeded ? transaction.operations : transaction.otherwise
        guard operations.count == message.results.count else { throw .malformedAnswer }
        let results = zip(message.results, operations).map { OperationResult(wire: $0, of: $1) }
        self.init(failedCondition: failed, results: results, ref: Ref(message.ref))
    }
}

extension OperationResult {
    fileprivate var wire: Cairn_V1_OperationResult {
        var message = Cairn_V1_OperationResult()
        switch self {
        case .none: break
        case .written(let record): message.written = record.wire(withValue: false)
        case .deleted(let records):
            message.deleted = .with { $0.records = records.map { $0.wire(withValue: false) } }
        case .read(let record):
            message.read = .with { if let record { $0.record = record.wire() } }
        case .lease(let lease): message.lease = lease.wire
        case .consumer(let consumer): message.consumer = consumer.wire
        case .lock(let lock): message.lock = .with { if let lock { $0.lock = lock.wire } }
        }
        return message
    }

    fileprivate init(wire message: Cairn_V1_OperationResult, of operation: Operation) {
        switch message.result {
        case nil: self = .none
        case .written(let written):
            var record = Record(wire: written)
            if case .set(_, let value, _, _, _) = operation { record.value = value }
            self = .written(record)
        case .deleted(let tombstones): self = .deleted(tombstones.records.map(Record.init(wire:)))
        case .read(let read): self = .read(read.hasRecord ? Record(wire: read.record) : nil)
        case .lease(let lease): self = .lease(Lease(wire: lease))
        case .consumer(let consumer): self = .consumer(Consumer(wire: consumer))
        case .lock(let result): self = .lock(result.hasLock ? Lock(wire: result.lock) : nil)
        }
    }
}

extension StoreError {
    /// A server answered with something that is no answer to the request.
    package static let malformedAnswer = StoreError(
        .internal, "the server's answer does not fit the request; is it another version?")
}
