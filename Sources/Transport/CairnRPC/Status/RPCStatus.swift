/// How a call ended: one of gRPC's seventeen codes and a sentence for people.
///
/// On the wire this is the pair of trailers `grpc-status` and `grpc-message`
/// (gRPC over HTTP/2, "Responses").
public struct RPCStatus: Sendable, Hashable, CustomStringConvertible {
    /// A gRPC status code (gRPC core, `statuscodes.md`).
    public struct Code: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
        /// The number on the wire, 0 to 16.
        public let rawValue: Int

        /// A code from its number; `nil` outside 0...16.
        public init?(rawValue: Int) {
            guard (0...16).contains(rawValue) else { return nil }
            self.rawValue = rawValue
        }

        private init(_ number: Int) { self.rawValue = number }

        /// The call did what it was asked to do.
        public static let ok = Code(0)
        /// The caller, or the server on its behalf, gave the call up.
        public static let cancelled = Code(1)
        /// An error that says nothing more about itself.
        public static let unknown = Code(2)
        /// The request is wrong whatever state the server is in.
        public static let invalidArgument = Code(3)
        /// The deadline passed; the call may have taken effect all the same.
        public static let deadlineExceeded = Code(4)
        /// What the request names isn't there.
        public static let notFound = Code(5)
        /// What the request would create is there already.
        public static let alreadyExists = Code(6)
        /// The caller is known, and may not do this.
        public static let permissionDenied = Code(7)
        /// A limit was reached: size, count, rate or space.
        public static let resourceExhausted = Code(8)
        /// The system isn't in the state that the request needs.
        public static let failedPrecondition = Code(9)
        /// A conflict with something concurrent; a retry at a higher level may succeed.
        public static let aborted = Code(10)
        /// Past the valid range.
        public static let outOfRange = Code(11)
        /// The server doesn't know or doesn't support this method.
        public static let unimplemented = Code(12)
        /// An invariant broke: a defect.
        public static let `internal` = Code(13)
        /// Not now; a retry with back-off may succeed.
        public static let unavailable = Code(14)
        /// Data was lost or is corrupt.
        public static let dataLoss = Code(15)
        /// The caller isn't known.
        public static let unauthenticated = Code(16)

        /// The code's name as gRPC writes it, such as `NOT_FOUND`.
        public var description: String { Self.names[rawValue] }

        private static let names = [
            "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
            "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
            "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
        ]
    }

    /// The code.
    public var code: Code
    /// A sentence for people; empty when the code says it all.
    public var message: String

    /// A status with `code` and `message`.
    public init(_ code: Code, _ message: String = "") {
        self.code = code
        self.message = message
    }

    /// The status of a call that succeeded.
    public static let ok = RPCStatus(.ok)

    /// The code's name, then the message.
    public var description: String { message.isEmpty ? code.description : "\(code): \(message)" }
}

extension RPCStatus.Code {
    /// The code for a response that isn't gRPC but has an HTTP status (gRPC core, `http-grpc-status-mapping.md`).
    package static func forHTTPStatus(_ status: Int) -> RPCStatus.Code {
        switch status {
        case 400: .internal
        case 401: .unauthenticated
        case 403: .permissionDenied
        case 404: .unimplemented
        case 429, 502, 503, 504: .unavailable
        default: .unknown
        }
    }

    /// The code for a stream that the peer reset (gRPC over HTTP/2, "HTTP2 Transport Mapping", "Errors").
    package static func forHTTP2Error(_ error: UInt32) -> RPCStatus.Code {
        switch error {
        case HTTP2ErrorCode.refusedStream: .unavailable
        case HTTP2ErrorCode.cancel: .cancelled
        case HTTP2ErrorCode.enhanceYourCalm: .resourceExhausted
        case HTTP2ErrorCode.inadequateSecurity: .permissionDenied
        default: .internal
        }
    }
}
