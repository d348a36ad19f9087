/// A call's metadata: an ordered multi-map of lower-case names to texts, or to bytes where the name ends in `-bin`.
///
/// Names are letters, digits, `-`, `_` and `.`; texts are printable ASCII (gRPC over HTTP/2, "Custom-Metadata"). Names
/// starting with `grpc-` and HTTP's own are reserved; ``RPCMetadata/isValid(name:)`` tells. Look-ups are linear, as
/// calls carry few entries.
public struct RPCMetadata: Sendable, Hashable {
    /// A value: text, or bytes (sent as base64).
    public enum Content: Sendable, Hashable {
        /// Printable ASCII.
        case text(String)
        /// Any bytes; only under a name that ends in `-bin`.
        case bytes([UInt8])
    }

    /// One entry.
    public struct Entry: Sendable, Hashable {
        /// The name in lower case.
        public var name: String
        /// The value.
        public var value: Content
    }

    /// The entries in the order in which they were added or received.
    public private(set) var entries: [Entry] = []

    /// No entries.
    public init() {}

    /// Whether there are no entries.
    public var isEmpty: Bool { entries.isEmpty }

    /// Adds a text under `name`, which is made lower case, keeping what is there.
    public mutating func add(_ name: String, _ text: String) {
        entries.append(Entry(name: name.lowercased(), value: .text(text)))
    }

    /// Adds bytes under `name`, which must end in `-bin`, keeping what is there.
    public mutating func add(_ name: String, bytes: [UInt8]) {
        entries.append(Entry(name: name.lowercased(), value: .bytes(bytes)))
    }

    /// Adds an entry, keeping what is there.
    public mutating func append(_ entry: Entry) { entries.append(entry) }

    /// The first text under `name` (lower case).
    public subscript(name: String) -> String? {
        for entry in entries where entry.name == name {
            if case .text(let text) = entry.value { return text }
        }
        return nil
    }

    /// Every text under `name` (lower case).
    public func texts(_ name: String) -> [String] {
        entries.compactMap { entry in
            guard entry.name == name, case .text(let text) = entry.value else { return nil }
            return text
        }
    }

    /// The first bytes under `name` (lower case).
    public func bytes(_ name: String) -> [UInt8]? {
        for entry in entries where entry.name == name {
            if case .bytes(let bytes) = entry.value { return bytes }
        }
        return nil
    }

    /// Whether `name` may be used by an application: valid characters, and not reserved.
    public static func isValid(name: String) -> Bool {
        guard !name.isEmpty, !name.hasPrefix("grpc-"), !reserved.contains(name) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
            default: false
            }
        }
    }

    /// Whether every entry can be sent: valid names, printable texts, bytes only under `-bin`.
    package var firstInvalid: Entry? {
        entries.first { entry in
            guard Self.isValid(name: entry.name) else { return true }
            switch entry.value {
            case .text(let text):
                return entry.name.hasSuffix("-bin") || !text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
            case .bytes:
                return !entry.name.hasSuffix("-bin")
            }
        }
    }

    func validate() throws {
        guard let invalid = firstInvalid else { return }
        throw RPCError(.internal, "metadata \(invalid.name) can't be sent", wasNotProcessed: true)
    }

    private static let reserved: Set<String> = [
        "te", "content-type", "content-length", "host", "connection", "user-agent", "transfer-encoding", "upgrade",
        "keep-alive", "proxy-connection",
    ]
}

extension RPCMetadata: ExpressibleByDictionaryLiteral {
    /// A name.
    public typealias Key = String
    /// A text; bytes are added with ``add(_:bytes:)``.
    public typealias Value = String
    /// Texts in the order written.
    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, text) in elements { add(name, text) }
    }
}
