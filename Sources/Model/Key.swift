/// The name of a record: 1 to 1,024 bytes, usually a UTF-8 path such as `jobs/42/state`.
///
/// Keys are compared and ordered bytewise. Nothing is normalised and no character is a wildcard: `Key`, `key` and
/// `kéy` are three keys. The length is checked when a transaction is decided, against ``Limits/keyBytes``.
public struct Key: Hashable, Sendable {
    /// The key as it is stored and compared.
    public let bytes: [UInt8]

    /// A key of these bytes.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// A key of the UTF-8 bytes of `text`.
    public init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    /// The key as text, with U+FFFD for bytes that are not UTF-8. For people; do not compare it.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether the key starts with the bytes of `prefix`.
    public func hasPrefix(_ prefix: Key) -> Bool { bytes.starts(with: prefix.bytes) }

    /// The first key after this one: these bytes and a zero byte.
    public var successor: Key { Key(bytes: bytes + [0]) }
}

// By hand, because what is derived goes byte by byte, and every search in an index or a table comes through here. The
// pointers are the arrays' own, and used only while the closures run.
extension Key: Comparable {
    /// Bytewise order; a prefix comes before what it is a prefix of.
    public static func < (a: Key, b: Key) -> Bool {
        let count = min(a.bytes.count, b.bytes.count)
        let place = a.firstDifference(from: b, within: count)
        return place < count ? a.bytes[place] < b.bytes[place] : a.bytes.count < b.bytes.count
    }

    /// Whether the bytes are the same.
    public static func == (a: Key, b: Key) -> Bool {
        let count = a.bytes.count
        return count == b.bytes.count && a.firstDifference(from: b, within: count) == count
    }

    /// Feeds the bytes to `hasher`.
    public func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    /// The first of `count` places where the bytes differ, or `count`; both must have as many.
    private func firstDifference(from other: Key, within count: Int) -> Int {
        bytes.withUnsafeBytes { a in
            other.bytes.withUnsafeBytes { b in
                var place = 0
                // Eight at a time; the lowest byte that differs is the first one, as the order in memory goes.
                while place + 8 <= count {
                    let difference =
                        UInt64(littleEndian: a.loadUnaligned(fromByteOffset: place, as: UInt64.self))
                        ^ UInt64(littleEndian: b.loadUnaligned(fromByteOffset: place, as: UInt64.self))
                    if difference != 0 { return place + difference.trailingZeroBitCount / 8 }
                    place += 8
                }
                while place < count, a[place] == b[place] { place += 1 }
                return place
            }
        }
    }
}

extension Key: ExpressibleByStringLiteral {
    /// A key of the literal's UTF-8 bytes.
    public init(stringLiteral text: String) { self.init(text) }
}

extension Key: CustomStringConvertible {
    /// The key in quotes; bytes that are not printable UTF-8 as `\xNN`.
    public var description: String { "\"\(Key.escaped(bytes))\"" }

    private static func escaped(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !text.unicodeScalars.contains(where: \.isControl) {
            return text
        }
        return bytes.map { byte in
            switch byte {
            case 0x20...0x7E: return String(UnicodeScalar(byte))
            default: return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}

extension Unicode.Scalar {
    /// Whether it is one of the control characters, which must not reach a terminal.
    fileprivate var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }
}
