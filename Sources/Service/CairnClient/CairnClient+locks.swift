public import CairnModel
internal import CairnProtocol
internal import CairnWire
internal import Foundation
internal import SwiftProtobuf

// Locks.
extension CairnClient {
    /// The lock that a live key is under, or `nil` when it is under none.
    public func lock(of key: Key) async throws(StoreError) -> LockStatus? {
        let response: Cairn_V1_LockResponse = try await calls.unary(
            "cairn.v1.Locks/Show", Cairn_V1_ShowLockRequest.with { $0.key = key.wire }, isSafe: true)
        return response.hasLock ? LockStatus(wire: response.lock) : nil
    }

    /// Locks by token.
    public func locks(from first: Ref, limit: Int) async throws(StoreError) -> [LockStatus] {
        let limit = try limit.checkedAsLimit()
        let response: Cairn_V1_ListLocksResponse = try await calls.unary(
            "cairn.v1.Locks/List",
            Cairn_V1_ListLocksRequest.with {
                $0.from = first.rawValue
                $0.limit = Int32(clamping: limit)
            }, isSafe: true)
        return response.locks.map(LockStatus.init(wire:))
    }

    /// Takes a lock. The wait for it comes on top of the time that a call may take.
    public func acquireLock(_ request: LockRequest) async throws(StoreError) -> Lock {
        var message = Cairn_V1_LockRequest()
        message.key = request.key.wire
        message.durationUs = request.duration.microseconds
        message.mode = request.mode.wire
        message.createIfMissing = request.createIfMissing
        message.waitUs = request.wait?.microseconds ?? -1
        if let id = request.requestID { message.requestID = Data(id.bytes) }
        message.clientID = name(or: request.clientID)
        if let wait = request.wait, wait < .zero {
            throw StoreError(
                .invalidArgument, "a wait of \(wait) for the lock on \(request.key) is not possible", key: request.key)
        }
        let timeout = request.wait.flatMap { wait in calls.configuration.timeout.map { $0 + wait } }
        // To take a lock that one has extends it, so asking twice is safe.
        let response: Cairn_V1_LockResponse = try await calls.unary(
            "cairn.v1.Locks/Lock", message, isSafe: true, timeout: .some(timeout))
        guard response.hasLock else { throw .malformedAnswer }
        return Lock(wire: response.lock)
    }
}
