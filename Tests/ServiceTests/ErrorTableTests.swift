import CairnModel
import CairnRPC
import Testing

@testable import CairnWire

/// Every error, to a status and back.
@Suite("The table of errors")
struct ErrorTableTests {
    @Test("every code has a status, and comes back as it was", arguments: ErrorTable.rows.map(\.code.rawValue))
    func roundTrip(_ reason: String) {
        let code = StoreError.Code(rawValue: reason)
        for retry in [StoreError.Retry.never, .safe, .unknownOutcome] {
            let error = StoreError(
                code, "what happened to \"a\"", key: "a", ref: 7, oldestRef: 3, headRef: 9, retry: retry)
            let sent = RPCError(error)
            #expect(sent.code == ErrorTable.status(of: code))
            #expect(sent.message == error.message)
            #expect(StoreError(sent) == error)
        }
    }

    @Test("every code of the model is in the table")
    func isComplete() {
        let codes: Set<StoreError.Code> = [
            .invalidKey, .valueTooLarge, .transactionTooLarge, .invalidArgument, .invalidRef, .keyNotFound,
            .conditionFailed, .leaseNotFound, .leaseExists, .keyLocked, .consumerNotFound, .futureRef, .compacted,
            .logWentBack, .revisionNotFound, .historyOff, .tooManyWatches, .unsupported, .overloaded, .maxKeys,
            .closed, .unavailable, .deadlineExceeded, .cancelled, .invalidURL, .foreignFile, .formatTooNew,
            .authenticationFailed, .databaseNotFound, .readOnly, .readOnlyHome, .unsuitableHome, .permissionDenied,
            .storageFull,
            .corrupted, .storageBusy, .storageFailed, .internal,
            .tokenMissing, .tokenInvalid, .tokenExpired, .permissionMissing, .clientIDMismatch, .adminNotConfigured,
            .notAdmin,
        ]
        #expect(Set(ErrorTable.rows.map(\.code)) == codes)
    }

    @Test("a key that is no text, and a condition that failed")
    func details() {
        let key = Key(bytes: [0xFF, 0])
        let failed = FailedCondition(index: 2, condition: Condition(key, .present), version: 5, updatedRef: 8)
        let back = StoreError(RPCError(.conditionFailed(failed)))
        #expect(back.key == key && back.failedCondition == failed)
    }

    @Test("an error without our details is the nearest of ours, with what is known of its outcome")
    func foreign() {
        #expect(StoreError(RPCError(.unavailable, wasNotProcessed: true)).retry == .safe)
        #expect(StoreError(RPCError(.unavailable)).retry == .unknownOutcome)
        #expect(StoreError(RPCError(.deadlineExceeded)).code == .deadlineExceeded)
        #expect(StoreError(RPCError(.dataLoss)).code == .internal)
        #expect(StoreError(RPCError(.invalidArgument, "m", details: [1, 2, 3])).code == .invalidArgument)
    }
}
