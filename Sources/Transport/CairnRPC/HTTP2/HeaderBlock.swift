import CNghttp2

/// Header fields gathered to be submitted, in one allocation of bytes.
///
/// Names are lower case and values are sent as they are; nghttp2 copies both while it submits them.
package struct HeaderBlock {
    private var bytes: [UInt8] = []
    private var lengths: [(name: Int, value: Int)] = []

    package init() {}

    /// A request's fields: `:path` and then `base`, whose pseudo-header fields must come first.
    init(path: String, followedBy base: HeaderBlock) {
        bytes.reserveCapacity(base.bytes.count + path.utf8.count + 64)
        bytes.append(contentsOf: ":path/".utf8)
        bytes.append(contentsOf: path.utf8)
        bytes.append(contentsOf: base.bytes)
        lengths.reserveCapacity(base.lengths.count + 4)
        lengths.append((5, path.utf8.count + 1))
        lengths.append(contentsOf: base.lengths)
    }

    package mutating func add(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>) {
        let start = bytes.count
        bytes.append(contentsOf: name)
        let middle = bytes.count
        bytes.append(contentsOf: value)
        lengths.append((middle - start, bytes.count - middle))
    }

    package mutating func add(_ name: StaticString, _ value: some Sequence<UInt8>) {
        // A static string of ASCII is a pointer to its bytes for ever.
        add(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), value)
    }

    package mutating func add(_ name: StaticString, _ value: String) { add(name, value.utf8) }

    /// Adds metadata: bytes as base64 without padding (gRPC over HTTP/2, `Binary-Header`).
    package mutating func add(_ metadata: RPCMetadata) {
        for entry in metadata.entries {
            switch entry.value {
            case .text(let text): add(entry.name.utf8, text.utf8)
            case .bytes(let bytes): add(entry.name.utf8, Base64.encode(bytes))
            }
        }
    }

    /// Adds what `grpc-status` and its companions say of `status` and `error`.
    package mutating func add(_ status: RPCStatus, details: [UInt8], metadata: RPCMetadata) {
        add("grpc-status", String(status.code.rawValue))
        if !status.message.isEmpty { add("grpc-message", PercentEncoding.encode(status.message)) }
        if !details.isEmpty { add("grpc-status-details-bin", Base64.encode(details)) }
        add(metadata)
    }

    /// Gives the fields to `body` as nghttp2 wants them; they are valid only within it.
    func withFields<R>(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> R) -> R {
        bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return body(nil, 0) }
            return withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: lengths.count) { fields in
                var position = UnsafeMutablePointer(mutating: base)
                for (index, length) in lengths.enumerated() {
                    fields.initializeElement(
                        at: index,
                        to: nghttp2_nv(
                            name: position, value: position + length.name, namelen: length.name,
                            valuelen: length.value, flags: 0))
                    position += length.name + length.value
                }
                return body(UnsafePointer(fields.baseAddress), lengths.count)
            }
        }
    }
}

/// Header fields that never change, in memory that is never freed, so that nghttp2 need not copy them.
struct StaticHeaders: @unchecked Sendable {  // Unchecked: the memory is written here and never again.
    let fields: UnsafePointer<nghttp2_nv>
    let count: Int

    init(_ headers: [(StaticString, StaticString)]) {
        let memory = UnsafeMutableBufferPointer<nghttp2_nv>.allocate(capacity: headers.count)
        for (index, header) in headers.enumerated() {
            memory.initializeElement(
                at: index,
                to: nghttp2_nv(
                    name: UnsafeMutablePointer(mutating: header.0.utf8Start),
                    value: UnsafeMutablePointer(mutating: header.1.utf8Start),
                    namelen: header.0.utf8CodeUnitCount, valuelen: header.1.utf8CodeUnitCount,
                    flags: UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)))
        }
        fields = UnsafePointer(memory.baseAddress!)
        count = headers.count
    }

    static let responseHead = StaticHeaders([(":status", "200"), ("content-type", "application/grpc")])
    static let statusOK = StaticHeaders([("grpc-status", "0")])
}
