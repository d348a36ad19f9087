/// What a request's header fields say, gathered field by field (gRPC over HTTP/2, "Requests").
package struct RequestHead {
    /// What to do with a request, once its headers are complete.
    package enum Verdict: Equatable {
        case accept
        /// Not gRPC: an HTTP status and nothing else.
        case httpStatus(StaticString)
        case reject(RPCError)

        package static func == (left: Verdict, right: Verdict) -> Bool {
            switch (left, right) {
            case (.accept, .accept): true
            case (.httpStatus(let left), .httpStatus(let right)): left.description == right.description
            case (.reject(let left), .reject(let right)): left == right
            default: false
            }
        }
    }

    package private(set) var metadata = RPCMetadata()
    package private(set) var userAgent: String?
    package private(set) var timeout: Duration?
    package private(set) var acceptsGzip = false
    /// Whether compressed request messages are allowed.
    package private(set) var isGzip = false
    /// The size of the fields as HTTP/2 counts them (RFC 9113, section 6.5.2).
    package private(set) var size = 0

    private var isPost = false
    private var isGRPC = false
    private var hasTrailersTE = false
    private var unknownEncoding: String?
    private var malformed: String?

    package init() {}

    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
    /// Counts a field.
    package mutating func count(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        size += name.count + value.count + 32
    }

    /// Takes a field other than `:path`; beyond `limit` fields are counted and dropped.
    package mutating func add(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, limit: Int
    ) {
        count(name, value)
        guard size <= limit else { return }
        switch name.count {
        case 2 where name.matches("te"): hasTrailersTE = value.matches("trailers")
        case 7 where name.matches(":method"): isPost = value.matches("POST")
        case 7 where name.matches(":scheme"): break
        case 10 where name.matches(":authority"): break
        case 10 where name.matches("user-agent"): userAgent = String(decoding: value, as: UTF8.self)
        case 12 where name.matches("content-type"):
            isGRPC = value.matches("application/grpc") || Self.isGRPC(contentType: value)
        case 12 where name.matches("grpc-timeout"):
            timeout = Timeout.parse(value)
            if timeout == nil { malformed = "grpc-timeout is not a timeout" }
        case 13 where name.matches("grpc-encoding"): setEncoding(value)
        case 20 where name.matches("grpc-accept-encoding"): acceptsGzip = Self.lists(value, "gzip")
        default: addMetadata(name, value)
        }
    }

    private mutating func setEncoding(_ value: UnsafeBufferPointer<UInt8>) {
        if value.matches("gzip") {
            isGzip = true
        } else if !value.matches("identity") {
            unknownEncoding = String(decoding: value, as: UTF8.self)
        }
    }

    private mutating func addMetadata(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        guard name.first != UInt8(ascii: ":") else { return }
        let name = String(decoding: name, as: UTF8.self)
        guard name.hasSuffix("-bin") else {
            metadata.add(name, String(decoding: value, as: UTF8.self))
            return
        }
        // Several values may be joined by commas, which base64 doesn't use.
        for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let bytes = Base64.decode(part.drop { $0 == UInt8(ascii: " ") }) else {
                malformed = "metadata \(name) is not base64"
                return
            }
            metadata.add(name, bytes: bytes)
        }
    }

    /// Judges the head once it is complete.
    package func verdict(limit: Int) -> Verdict {
        guard size <= limit else {
            return .reject(
                RPCError(.resourceExhausted, "metadata of \(size) bytes exceeds the limit of \(limit) bytes"))
        }
        guard isPost else { return .httpStatus("405") }
        guard isGRPC else { return .httpStatus("415") }
        guard hasTrailersTE else { return .reject(RPCError(.internal, "the header te: trailers is missing")) }
        if let malformed { return .reject(RPCError(.internal, malformed)) }
        if let unknownEncoding {
            return .reject(
                RPCError(
                    .unimplemented, "grpc-encoding \(unknownEncoding) is not supported; identity and gzip are",
                    metadata: ["grpc-accept-encoding": "identity,gzip"]))
        }
        return .accept
    }

    /// `application/grpc`, alone or followed by `+` and a subtype or by parameters.
    package static func isGRPC(contentType value: some Collection<UInt8>) -> Bool {
        guard value.starts(with: "application/grpc".utf8) else { return false }
        let rest = value.dropFirst(16)
        guard let next = rest.first else { return true }
        if next == UInt8(ascii: ";") { return true }
        return rest.starts(with: "+proto".utf8) && (rest.count == 6 || rest.dropFirst(6).first == UInt8(ascii: ";"))
    }

    private static func lists(_ value: UnsafeBufferPointer<UInt8>, _ encoding: String) -> Bool {
        value.split(separator: UInt8(ascii: ",")).contains { part in
            part.drop { $0 == UInt8(ascii: " ") }.elementsEqual(encoding.utf8)
        }
    }
}
