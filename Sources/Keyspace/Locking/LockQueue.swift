internal import CairnModel
internal import Synchronization

/// Clients who wait for locks: a line for each key, in the order in which they came.
///
/// The first in a line watches its key, and tries again whenever the key is unlocked or ends; when it has the lock, or
/// gives up, the next one does. So a lock that becomes free costs one attempt, however many wait. Replicas have lines
/// of their own, whose first ones compete.
final class LockQueue: Sendable {
    /// Runs a transaction.
    typealias Commit = @Sendable (Transaction) async throws(StoreError) -> TransactionResult
    /// Opens a stream.
    typealias Watch = @Sendable (WatchRequest) async throws(StoreError) -> WatchStream

    fileprivate struct Place {
        let number: UInt64
        var waiter: CheckedContinuation<Void, Never>?
    }

    fileprivate struct Lines {
        var places: [Key: [Place]] = [:]
        var lastNumber: UInt64 = 0
    }

    private let commit: Commit
    private let watch: Watch
    private let clock: any WallClock
    private let lines = Mutex(Lines())

    init(clock: any WallClock, commit: @escaping Commit, watch: @escaping Watch) {
        self.clock = clock
        self.commit = commit
        self.watch = watch
    }

    /// How many wait for a key, for tests.
    func waiting(for key: Key) -> Int { lines.withLock { $0.places[key]?.count ?? 0 } }

    /// Takes a lock, and waits for it if need be.
    func acquire(_ request: LockRequest) async throws(StoreError) -> Lock {
        // Who holds the lock already, and who doesn't want to wait, has no place in a line.
        let refusal: StoreError
        do throws(StoreError) {
            return try await tryOnce(request)
        } catch {
            guard error.code == .keyLocked, request.wait != .zero else { throw error }
            refusal = error
        }
        let answer = await race(request)
        if Task.isCancelled {
            // Nobody is there to use the lock any more. If it can't be given back now, its deadline ends it.
            if case .success? = answer { try? await giveBack(request) }
            throw StoreError(.cancelled, "the wait for the lock on \(request.key) was cancelled", key: request.key)
        }
        guard let answer else { throw refusal }
        return try answer.get()
    }

    /// Waits in line until there is an answer, or the time is over; then `nil`.
    private func race(_ request: LockRequest) async -> Result<Lock, StoreError>? {
        await withTaskGroup(of: Result<Lock, StoreError>?.self) { group in
            group.addTask { await self.waitInLine(request) }
            if let wait = request.wait {
                let end = clock.now() + wait
                group.addTask { [clock] in
                    try? await clock.sleep(until: end)
                    return nil
                }
            }
            var answer = await group.next() ?? nil
            group.cancelAll()
            // The lock may have been granted at the last moment.
            while let late = await group.next() { answer = answer ?? late }
            return answer
        }
    }

    /// `nil` when it was cancelled without having got the lock.
    private func waitInLine(_ request: LockRequest) async -> Result<Lock, StoreError>? {
        let number = join(request.key)
        defer { leave(request.key, number) }
        await waitForTurn(request.key, number)
        if Task.isCancelled { return nil }
        do throws(StoreError) {
            // Opened before the attempt, so that no unlocking is missed between the two.
            let kinds: Set<Event.Kind> = [.unlocked, .deleted, .expired, .pruned]
            let range = KeyRange(from: request.key, to: request.key.successor)
            var updates = try await watch(WatchRequest(range: range, kinds: kinds)).makeAsyncIterator()
            while true {
                do throws(StoreError) {
                    return .success(try await tryOnce(request))
                } catch {
                    guard error.code == .keyLocked else { throw error }
                }
                var hasEnded = false
                while !hasEnded {
                    guard let update = try await updates.next() else { return .failure(.closed) }
                    if case .events = update { hasEnded = true }
                }
            }
        } catch {
            return error.code == .cancelled ? nil : .failure(error)
        }
    }

    private func tryOnce(_ request: LockRequest) async throws(StoreError) -> Lock {
        let result = try await commit(
            Transaction(
                then: [
                    .lock(
                        request.key, duration: request.duration, mode: request.mode,
                        createIfMissing: request.createIfMissing)
                ], clientID: request.clientID, requestID: request.requestID))
        guard case .lock(let lock?)? = result.results.first else {
            throw StoreError(.internal, "a lock on \(request.key) was answered without one", key: request.key)
        }
        return lock
    }

    private func giveBack(_ request: LockRequest) async throws(StoreError) {
        // Unstructured, as this must be done although the task was cancelled.
        let answer = await Task { [commit] () -> Result<Void, StoreError> in
            do throws(StoreError) {
                _ = try await commit(Transaction(then: [.unlock(request.key)], clientID: request.clientID))
                return .success(())
            } catch {
                return .failure(error)
            }
        }.value
        try answer.get()
    }

    // MARK: Lines

    private func join(_ key: Key) -> UInt64 {
        lines.withLock { lines in
            lines.lastNumber += 1
            lines.places[key, default: []].append(Place(number: lines.lastNumber))
            return lines.lastNumber
        }
    }

    private func waitForTurn(_ key: Key, _ number: UInt64) async {
        await withTaskCancellationHandler {
            // Resumed once: by who leaves the front of the line, or by the cancellation.
            await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
                let isReady = lines.withLock { lines in
                    guard !Task.isCancelled, let index = lines.index(of: key, number), index > 0 else { return true }
                    lines.places[key]?[index].waiter = waiter
                    return false
                }
                if isReady { waiter.resume() }
            }
        } onCancel: {
            lines.withLock { lines in lines.takeWaiter(of: key, number) }?.resume()
        }
    }

    private func leave(_ key: Key, _ number: UInt64) {
        lines.withLock { lines -> CheckedContinuation<Void, Never>? in
            guard let index = lines.index(of: key, number) else { return nil }
            lines.places[key]?.remove(at: index)
            guard let next = lines.places[key]?.first else {
                lines.places[key] = nil
                return nil
            }
            return lines.takeWaiter(of: key, next.number)
        }?.resume()
    }
}

extension LockQueue.Lines {
    fileprivate func index(of key: Key, _ number: UInt64) -> Int? {
        places[key]?.firstIndex { $0.number == number }
    }

    fileprivate mutating func takeWaiter(of key: Key, _ number: UInt64) -> CheckedContinuation<Void, Never>? {
        guard let index = index(of: key, number) else { return nil }
        defer { places[key]?[index].waiter = nil }
        return places[key]?[index].waiter
    }
}
