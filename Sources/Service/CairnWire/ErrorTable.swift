package import CairnModel
internal import CairnProtocol
package import CairnRPC
internal import Foundation
internal import SwiftProtobuf

/// The one table between the store's errors and gRPC's statuses.
///
/// The status code is what generic clients act on; the reason in the details (`google.rpc.ErrorInfo`, domain `cairn`)
/// is what our own go by.
package enum ErrorTable {
    /// The domain of our reasons.
    package static let domain = "cairn"

    private static let statuses: [StoreError.Code: RPCStatus.Code] = [
        .invalidKey: .invalidArgument, .valueTooLarge: .invalidArgument, .transactionTooLarge: .invalidArgument,
        .invalidArgument: .invalidArgument, .invalidRef: .invalidArgument, .invalidURL: .invalidArgument,
        .keyNotFound: .notFound, .leaseNotFound: .notFound, .consumerNotFound: .notFound,
        .revisionNotFound: .notFound, .historyOff: .failedPrecondition, .tooManyWatches: .resourceExhausted,
        .leaseExists: .alreadyExists, .keyLocked: .permissionDenied, .conditionFailed: .failedPrecondition,
        .futureRef: .outOfRange, .compacted: .outOfRange, .unsupported: .unimplemented,
        .overloaded: .resourceExhausted, .maxKeys: .resourceExhausted, .storageFull: .resourceExhausted,
        .closed: .unavailable, .unavailable: .unavailable, .storageBusy: .unavailable,
        .deadlineExceeded: .deadlineExceeded, .cancelled: .cancelled, .permissionDenied: .permissionDenied,
        .corrupted: .dataLoss, .logWentBack: .dataLoss,
        .foreignFile: .failedPrecondition, .formatTooNew: .failedPrecondition,
        .authenticationFailed: .failedPrecondition, .databaseNotFound: .failedPrecondition,
        .readOnly: .failedPrecondition, .readOnlyHome: .failedPrecondition, .unsuitableHome: .failedPrecondition,
        .tokenMissing: .unauthenticated, .tokenInvalid: .unauthenticated, .tokenExpired: .unauthenticated,
        .permissionMissing: .permissionDenied, .clientIDMismatch: .permissionDenied,
        .adminNotConfigured: .permissionDenied, .notAdmin: .permissionDenied,
        .storageFailed: .internal, .internal: .internal,
    ]

    /// Every code in the table and its status, for the documentation's table.
    package static var rows: [(code: StoreError.Code, status: RPCStatus.Code)] {
        statuses.map { ($0.key, $0.value) }.sorted { $0.code.rawValue < $1.code.rawValue }
    }

    /// The status of an error.
    package static func status(of code: StoreError.Code) -> RPCStatus.Code { statuses[code] ?? .unknown }
}

extension RPCError {
    /// What a caller is told of a store's error.
    package init(_ error: StoreError) {
        let code = ErrorTable.status(of: error.code)
        var info = Google_Rpc_ErrorInfo()
        info.reason = error.code.rawValue
        info.domain = ErrorTable.domain
        info.metadata = error.wireMetadata
        var status = Google_Rpc_Status()
        status.code = Int32(code.rawValue)
        status.message = error.message
        // An ErrorInfo of texts always encodes; without it the caller still has code and message.
        if let any = try? Google_Protobuf_Any(message: info) { status.details = [any] }
        let details: Data? = try? status.serializedData()
        self.init(code, error.message, details: details.map { Array($0) } ?? [])
    }
}

extension StoreError {
    /// The store's error that a server sent, or the nearest one for a failure of the transport.
    package init(_ error: RPCError) {
        if let known = StoreError(details: error.details, message: error.message) {
            self = known
            return
        }
        switch error.code {
        case .unavailable:
            self.init(
                .unavailable, error.message, retry: error.wasNotProcessed ? .safe : .unknownOutcome)
        case .deadlineExceeded:
            self.init(.deadlineExceeded, error.message, retry: error.wasNotProcessed ? .safe : .unknownOutcome)
        case .cancelled: self.init(.cancelled, error.message, retry: .unknownOutcome)
        case .invalidArgument: self.init(.invalidArgument, error.message)
        case .resourceExhausted: self.init(.overloaded, error.message, retry: .safe)
        case .unimplemented: self.init(.unsupported, error.message)
        case .permissionDenied, .unauthenticated: self.init(.permissionDenied, error.message)
        default: self.init(.internal, "\(error.code): \(error.message)", retry: .unknownOutcome)
        }
    }

    private init?(details: [UInt8], message: String) {
        guard !details.isEmpty, let status = try? Google_Rpc_Status(serializedBytes: details) else { return nil }
        for any in status.details where any.isA(Google_Rpc_ErrorInfo.self) {
            guard let info = try? Google_Rpc_ErrorInfo(unpackingAny: any), info.domain == ErrorTable.domain else {
                continue
            }
            self.init(Code(rawValue: info.reason), message)
            takeMetadata(info.metadata)
            return
        }
        return nil
    }

    fileprivate var wireMetadata: [String: String] {
        var metadata: [String: String] = [:]
        if let key {
            if let text = String(validating: key.bytes, as: UTF8.self) {
                metadata["key"] = text
            } else {
                metadata["key_base64"] = Data(key.bytes).base64EncodedString()
            }
        }
        metadata["ref"] = ref?.description
        metadata["oldest_ref"] = oldestRef?.description
        metadata["head_ref"] = headRef?.description
        if let failedCondition {
            metadata["condition"] = String(failedCondition.index)
            metadata["version"] = String(failedCondition.version)
            metadata["updated_ref"] = failedCondition.updatedRef.description
        }
        switch retry {
        case .never: break
        case .safe: metadata["retry"] = "safe"
        case .unknownOutcome: metadata["retry"] = "unknown-outcome"
        }
        return metadata
    }

    private mutating func takeMetadata(_ metadata: [String: String]) {
        if let text = metadata["key"] { key = Key(text) }
        if let data = metadata["key_base64"].flatMap({ Data(base64Encoded: $0) }) { key = Key(wire: data) }
        ref = metadata["ref"].flatMap { Int64($0) }.map { Ref($0) }
        oldestRef = metadata["oldest_ref"].flatMap { Int64($0) }.map { Ref($0) }
        headRef = metadata["head_ref"].flatMap { Int64($0) }.map { Ref($0) }
        if let index = metadata["condition"].flatMap({ Int($0) }) {
            // The condition itself is the caller's; who sent it puts it back in.
            failedCondition = FailedCondition(
                index: index, condition: Condition(key ?? Key(bytes: []), .present),
                version: metadata["version"].flatMap { Int64($0) } ?? 0,
                updatedRef: Ref(metadata["updated_ref"].flatMap { Int64($0) } ?? 0))
        }
        switch metadata["retry"] {
        case "safe": retry = .safe
        case "unknown-outcome": retry = .unknownOutcome
        default: break
        }
    }
}
