import ArgumentParser
import CairnModel
import CairnRPC
import CairnSecurity
import Foundation

/// Prints an error on standard error, with what to do next, and ends with the code that it stands for.
func reportingErrors(_ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let error as StoreError {
        Terminal.complain(error.message)
        if let advice = error.advice { Terminal.complain(advice) }
        throw ExitCode(error.exitCode)
    } catch let error as SecurityProblems {
        for message in error.messages { Terminal.complain(message) }
        throw ExitCode.validationFailure
    } catch let error as RPCSetupError {
        Terminal.complain("\(error)")
        throw ExitCode(1)
    }
}

extension StoreError {
    /// See the exit codes in the root command's help.
    fileprivate var exitCode: Int32 {
        switch code {
        case .keyNotFound, .leaseNotFound, .consumerNotFound, .revisionNotFound: 3
        case .conditionFailed, .leaseExists: 4
        case .unavailable, .deadlineExceeded, .closed: 5
        case .compacted, .futureRef, .logWentBack: 6
        case .keyLocked: 7
        case .tokenMissing, .tokenInvalid, .tokenExpired, .permissionMissing, .clientIDMismatch, .adminNotConfigured,
            .notAdmin:
            8
        default: 1
        }
    }

    private static let unreachable =
        "is the server running? start one with `cairn serve`, or name another with --address"

    /// What to do next, where the message doesn't say so itself.
    fileprivate var advice: String? {
        switch code {
        case .unavailable: StoreError.unreachable
        // The time passed before the call could be sent.
        case .deadlineExceeded where retry == .safe: StoreError.unreachable
        case .deadlineExceeded: "the server did not answer in time; try again, or give it longer with --timeout"
        case .compacted:
            oldestRef.map {
                "go on with the oldest event kept: --from \($0), or with --current; read --as-of a later one"
            }
        default: nil
        }
    }
}
