// The content type that a value is given. It is part of the value: a kind whose canonical bytes begin with the type, so
// that whatever keeps, compares, streams or copies values carries it without knowing of it.

extension Value {
    /// The longest content type in bytes.
    public static let contentTypeBytes = 255

    /// A value of these bytes with a content type, such as `image/png` or `text/plain; charset=utf-8`; plain bytes
    /// if the type is `nil`. The type is kept as it is written.
    ///
    /// Throws ``StoreError/Code/invalidArgument`` unless it is a type, a subtype and any number of parameters by RFC
    /// 9110, 8.3.1, with names by RFC 6838, 4.2, in at most 255 bytes of ASCII.
    public init(_ content: [UInt8], contentType: String?) throws(StoreError) {
        guard let contentType else {
            self.init(bytes: content)
            return
        }
        let type = Array(contentType.utf8)
        guard type.count <= Value.contentTypeBytes, MediaTypeReader.accepts(type[...]) else {
            throw StoreError(
                .invalidArgument,
                "\"\(Value.shown(type))\" is no content type; write one such as text/plain; charset=utf-8, "
                    + "of at most \(Value.contentTypeBytes) bytes")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1 + type.count + content.count)
        bytes.append(UInt8(type.count))
        bytes += type
        bytes += content
        self.init(kind: .typed, bytes: bytes)
    }

    /// A value of the UTF-8 bytes of `text` with a content type. See ``init(_:contentType:)-([UInt8],_)``.
    public init(_ text: String, contentType: String?) throws(StoreError) {
        try self.init(Array(text.utf8), contentType: contentType)
    }

    /// The content type that the value was given; `nil` if it was given none, or if its bytes are not of the form of
    /// ``Kind/typed``, which only other programs can have written.
    public var contentType: String? {
        typeBytes.flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// What the value is to those who use it: its bytes, without the content type where there is one. No copy. All of
    /// the bytes if they are not of the form of their kind.
    ///
    /// Costs a branch for plain bytes, and a look at the type for others.
    public var content: ArraySlice<UInt8> {
        guard kind == .typed, let type = typeBytes else { return bytes[...] }
        return bytes[type.endIndex...]
    }

    /// The bytes of the content type, as ``contentType`` has it. No copy.
    package var typeBytes: ArraySlice<UInt8>? {
        guard kind == .typed, let count = bytes.first, bytes.count > count else { return nil }
        let type = bytes[1..<1 + Int(count)]
        return MediaTypeReader.accepts(type) ? type : nil
    }

    /// The beginning of a text, without what isn't printable ASCII.
    private static func shown(_ text: [UInt8]) -> String {
        let shown = text.prefix(64).map { (0x20..<0x7F).contains($0) ? UnicodeScalar($0) : "?" }
        return String(String.UnicodeScalarView(shown)) + (text.count > 64 ? " …" : "")
    }
}

/// Reads a media type, from its beginning to its end.
private struct MediaTypeReader {
    private var rest: ArraySlice<UInt8>

    /// Whether the bytes are a media type.
    static func accepts(_ bytes: ArraySlice<UInt8>) -> Bool {
        var reader = MediaTypeReader(rest: bytes)
        guard reader.takeName(), reader.take("/"), reader.takeName() else { return false }
        while !reader.rest.isEmpty {
            guard reader.takeParameter() else { return false }
        }
        return true
    }

    /// A name of at most 127 characters that begins with a letter or a digit (RFC 6838, 4.2).
    private mutating func takeName() -> Bool {
        let name = rest.prefix { $0.isAlphanumeric || "!#$&-^_.+".utf8.contains($0) }
        guard let first = name.first, first.isAlphanumeric, name.count <= 127 else { return false }
        rest = rest[name.endIndex...]
        return true
    }

    /// A semicolon and, unless there is nothing, a name and a value (RFC 9110, 5.6.6).
    private mutating func takeParameter() -> Bool {
        skipSpace()
        guard take(";") else { return false }
        skipSpace()
        if rest.isEmpty || rest.first == UInt8(ascii: ";") { return true }
        guard takeToken(), take("=") else { return false }
        return rest.first == UInt8(ascii: "\"") ? takeQuoted() : takeToken()
    }

    private mutating func takeToken() -> Bool {
        let token = rest.prefix { $0.isAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains($0) }
        rest = rest[token.endIndex...]
        return !token.isEmpty
    }

    /// A text in quotes, in which a backslash stands before what would end it.
    private mutating func takeQuoted() -> Bool {
        rest = rest.dropFirst()
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return true
            case UInt8(ascii: "\\"): guard let next = rest.popFirst(), next.isQuotable else { return false }
            default: guard byte.isQuotable else { return false }
            }
        }
        return false
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }
}

extension UInt8 {
    fileprivate var isAlphanumeric: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
    }

    /// Whether it may stand in a quoted text: printable ASCII, a space or a tab.
    fileprivate var isQuotable: Bool { (0x20...0x7E).contains(self) || self == 0x09 }
}
