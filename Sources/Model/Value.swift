/// What a key holds: a kind and its canonical bytes.
///
/// Today every value is bytes. Text, numbers, sets and maps will be further kinds with a canonical byte form of their
/// own, so storing, comparing and streaming a value never has to know its kind.
public struct Value: Hashable, Sendable {
    /// How the bytes of a value are to be read. An open set: a store may return kinds that a program doesn't know.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        /// The number that is stored and sent.
        public let rawValue: Int32
        /// The kind with this number.
        public init(rawValue: Int32) { self.rawValue = rawValue }
        /// Bytes without further meaning.
        public static let bytes = Kind(rawValue: 0)
    }

    /// How ``bytes`` are to be read.
    public let kind: Kind
    /// The canonical bytes.
    public let bytes: [UInt8]

    /// A value of a kind, in its canonical bytes.
    public init(kind: Kind, bytes: [UInt8]) {
        self.kind = kind
        self.bytes = bytes
    }

    /// A value of plain bytes.
    public init(bytes: [UInt8]) {
        self.init(kind: .bytes, bytes: bytes)
    }

    /// A value of the UTF-8 bytes of `text`, as plain bytes.
    public init(_ text: String) {
        self.init(bytes: Array(text.utf8))
    }

    /// The value as text, or `nil` when its bytes are not UTF-8.
    public var text: String? { String(validating: bytes, as: UTF8.self) }
}

extension Value: ExpressibleByStringLiteral {
    /// The literal's UTF-8 bytes, as plain bytes.
    public init(stringLiteral text: String) { self.init(text) }
}
