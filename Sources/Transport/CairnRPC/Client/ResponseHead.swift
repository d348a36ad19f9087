/// What a response's header block or trailers say (gRPC over HTTP/2, "Responses").
package struct ResponseHead {
    package private(set) var httpStatus: Int?
    package private(set) var isGRPC = false
    package private(set) var encoding = Encoding.identity
    package private(set) var metadata = RPCMetadata()
    package private(set) var size = 0
    private var status: Int?
    private var message = ""
    private var details: [UInt8] = []

    /// How response messages are packed.
    package enum Encoding: Equatable, Sendable {
        case identity
        case gzip
        case unknown(String)
    }

    package init() {}

    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
    /// Takes a field; beyond `limit` fields are counted and dropped.
    package mutating func add(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, limit: Int
    ) {
        size += name.count + value.count + 32
        guard size <= limit else { return }
        switch name.count {
        case 7 where name.matches(":status"): httpStatus = Self.number(value)
        case 11 where name.matches("grpc-status"): status = Self.number(value) ?? -1
        case 12 where name.matches("grpc-message"): message = PercentEncoding.decode(value)
        case 12 where name.matches("content-type"): isGRPC = RequestHead.isGRPC(contentType: value)
        case 13 where name.matches("grpc-encoding"):
            let text = String(decoding: value, as: UTF8.self)
            encoding = text == "gzip" ? .gzip : text == "identity" ? .identity : .unknown(text)
        case 23 where name.matches("grpc-status-details-bin"): details = Base64.decode(value) ?? []
        default: addMetadata(name, value)
        }
    }

    private mutating func addMetadata(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        let name = String(decoding: name, as: UTF8.self)
        guard name.hasSuffix("-bin") else { return metadata.add(name, String(decoding: value, as: UTF8.self)) }
        for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            metadata.add(name, bytes: Base64.decode(part.drop { $0 == UInt8(ascii: " ") }) ?? [])
        }
    }

    private static func number(_ digits: UnsafeBufferPointer<UInt8>) -> Int? {
        Int(String(decoding: digits, as: UTF8.self))
    }

    /// Why the response can't be taken, judged from its first header block; `nil` if it can.
    package func refusal(limit: Int) -> RPCError? {
        if size > limit {
            return RPCError(
                .resourceExhausted, "response metadata of \(size) bytes exceeds the limit of \(limit) bytes")
        }
        if status != nil { return nil }
        if httpStatus != 200 {
            let code = RPCStatus.Code.forHTTPStatus(httpStatus ?? 0)
            return RPCError(code, "the server answered with HTTP status \(httpStatus ?? 0)")
        }
        if !isGRPC { return RPCError(.unknown, "the server's answer is not gRPC") }
        if case .unknown(let name) = encoding { return RPCError(.internal, "grpc-encoding \(name) is not supported") }
        return nil
    }

    /// The status as trailers give it; `nil` for OK.
    package var failure: RPCError? {
        switch status {
        case 0: return nil
        case .some(let number):
            guard let code = RPCStatus.Code(rawValue: number) else {
                return RPCError(.unknown, "unknown status \(number): \(message)", details: details, metadata: metadata)
            }
            return RPCError(code, message, details: details, metadata: metadata)
        case nil: return RPCError(.internal, "the response ended without a status")
        }
    }
}
