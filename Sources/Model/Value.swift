/// What a key holds: a kind and its canonical bytes.
///
/// A value is plain bytes, or bytes with a content type. Text, numbers, sets and maps may become further kinds with a
/// canonical byte form of their own: storing, comparing and streaming a value never has to know its kind. What people
/// look at is ``content``.
public struct Value: Hashable, Sendable {
    /// How the bytes of a value are to be read. An open set: a store may return kinds that a program doesn't know.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        /// The number that is stored and sent.
        public let rawValue: Int32
        /// The kind with this number.
        public init(rawValue: Int32) { self.rawValue = rawValue }
        /// Bytes without further meaning.
        public static let bytes = Kind(rawValue: 0)
        /// Bytes with a content type: one byte for the length of the type, the type in ASCII, and the content.
        public static let typed = Kind(rawValue: 1)
    }

    /// How ``bytes`` are to be read.
    public let kind: Kind
    /// The canonical bytes.
    public let bytes: [UInt8]

    /// A value of a kind, in its canonical bytes, which are not looked at here: a store refuses to write
    /// ``Kind/typed`` bytes of another form, with ``StoreError/Code/invalidArgument``.
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

    /// The content as text, or `nil` when it is not UTF-8.
    public var text: String? { String(validating: content, as: UTF8.self) }
}

extension Value: ExpressibleByStringLiteral {
    /// The literal's UTF-8 bytes, as plain bytes.
    public init(stringLiteral text: String) { self.init(text) }
}
