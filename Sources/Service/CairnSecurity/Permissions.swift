package import CairnModel

/// What a caller may do with keys and consumers. Plain values: what is allowed follows from them and the request alone.
///
/// The rights add up: a key may be read if any rule that begins it allows that. There is no rule that takes away.
package struct Permissions: Hashable, Sendable {
    /// What a rule allows.
    package enum Access: String, Hashable, Sendable, CaseIterable {
        case read
        case write
        case readWrite = "read-write"
    }

    /// What may be done with the keys that start with a prefix.
    package struct Rule: Hashable, Sendable {
        /// The prefix, compared bytewise; the empty one begins every key.
        package var prefix: Key
        /// What is allowed.
        package var allow: Access

        /// A rule for the keys that start with `prefix`.
        package init(_ prefix: Key, _ allow: Access) {
            self.prefix = prefix
            self.allow = allow
        }
    }

    /// The keys that may be read, listed and watched.
    package let readable: KeySet
    /// The keys that may be set, deleted and locked.
    package let writable: KeySet
    /// How the names of consumers begin that may be used; the empty text begins every name.
    package let consumers: [String]

    /// What `rules` and `consumers` allow together.
    package init(_ rules: [Rule], consumers: [String] = []) {
        readable = KeySet(prefixes: rules.filter { $0.allow != .write }.map(\.prefix))
        writable = KeySet(prefixes: rules.filter { $0.allow != .read }.map(\.prefix))
        self.consumers = consumers
    }

    /// Everything.
    package static let all = Permissions([Rule(Key(bytes: []), .readWrite)], consumers: [""])
    /// Nothing.
    package static let none = Permissions([])

    /// Whether a consumer of this name may be used.
    package func allowsConsumer(_ name: String) -> Bool {
        consumers.contains { name.utf8.starts(with: $0.utf8) }
    }

    /// Whether something may be read.
    package var readsAnything: Bool { !readable.isEmpty }
    /// Whether something may be written.
    package var writesAnything: Bool { !writable.isEmpty }
    /// Whether every key may be written.
    package var writesEverything: Bool { writable.contains(.all) }
    /// Whether every key may be read.
    package var readsEverything: Bool { readable.contains(.all) }
}

/// A right that a caller lacks.
package struct MissingPermission: Hashable, Sendable {
    /// What the caller may not do, as the end of a sentence.
    package let words: String
    /// The key it is about, if it is about one.
    package let key: Key?

    init(_ words: String, key: Key? = nil) {
        self.words = words
        self.key = key
    }

    static func read(_ key: Key) -> MissingPermission { MissingPermission("read key \(key)", key: key) }
    static func write(_ key: Key) -> MissingPermission { MissingPermission("write key \(key)", key: key) }
    static func read(_ range: KeyRange) -> MissingPermission { MissingPermission("read \(range.words)") }
    static func write(_ range: KeyRange) -> MissingPermission { MissingPermission("write \(range.words)") }
    static func consumer(_ name: String) -> MissingPermission { MissingPermission("use consumer \"\(name)\"") }
    static let someWrite = MissingPermission("write anything")
    static let admin = MissingPermission("do what is for admins")
}

extension KeyRange {
    /// The range for people.
    fileprivate var words: String {
        if let singleKey { return "key \(singleKey)" }
        if self == .all { return "every key" }
        if self == KeyRange(prefix: lower) { return "every key that starts with \(lower)" }
        return upper.map { "every key from \(lower) to \($0)" } ?? "every key from \(lower) on"
    }
}
