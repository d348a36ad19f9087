import CairnModel
import CairnTestWaits
import Synchronization

/// What clients asked of a server and what they were told, to be held against its log.
///
/// Every transaction names itself in `clientID`, which its events carry: so each event leads back to one transaction.
final class WriteLedger: Sendable {
    enum Outcome: Sendable {
        /// The server said that it is done.
        case acknowledged(TransactionResult)
        /// Nobody knows: it may be there, whole and once, or not at all.
        case unknown
        /// It surely did not happen.
        case refused
    }

    struct Entry: Sendable {
        var transaction: Transaction
        var outcome: Outcome
        /// Whether its keys are on a lease with a deadline.
        var isMortal: Bool
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let acknowledged = Mutex<(count: Int, wanted: Int, waiter: Resumption<Void>?)>(
        (0, .max, nil))

    /// Everything that was asked, by its name.
    var all: [String: Entry] { entries.withLock { $0 } }

    /// How many transactions were acknowledged.
    var acknowledgedCount: Int { acknowledged.withLock { $0.count } }

    /// Runs a transaction and notes what came of it. Returns `nil` when the server no longer answers.
    func run(_ transaction: Transaction, isMortal: Bool = false, on store: any Store) async -> TransactionResult? {
        do throws(StoreError) {
            let result = try await store.commit(transaction)
            note(transaction, result.succeeded ? .acknowledged(result) : .refused, isMortal)
            count()
            return result
        } catch {
            note(transaction, error.retry == .unknownOutcome ? .unknown : .refused, isMortal)
            return nil
        }
    }

    /// Waits until `count` transactions were acknowledged in all.
    func waitForAcknowledged(_ count: Int) async throws {
        try await waiting(for: "\(count) transactions are acknowledged") { resumption in
            acknowledged.withLock { state in
                if state.count >= count { return resumption.resume() }
                state.wanted = count
                state.waiter = resumption
            }
        }
    }

    /// Ends a wait: no more will come.
    func end() {
        acknowledged.withLock { state in
            state.waiter?.resume()
            state.waiter = nil
        }
    }

    private func note(_ transaction: Transaction, _ outcome: Outcome, _ isMortal: Bool) {
        entries.withLock {
            $0[transaction.clientID] = Entry(transaction: transaction, outcome: outcome, isMortal: isMortal)
        }
    }

    private func count() {
        acknowledged.withLock { state in
            state.count += 1
            guard state.count >= state.wanted else { return }
            state.waiter?.resume()
            state.waiter = nil
        }
    }
}
