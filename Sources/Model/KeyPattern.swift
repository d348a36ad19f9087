/// A pattern that keys can be listed by. Matching takes time linear in the key, whatever the pattern.
///
/// Keys are matched as UTF-8; a byte that is none is matched by nothing but the pattern that asks for no character.
public struct KeyPattern: Hashable, Sendable {
    /// How a pattern is written.
    public enum Syntax: Hashable, Sendable {
        /// A glob, which must match the whole key: `?` is one character and `*` any number of them, but no `/`; `**` is
        /// any number of any; `[a-z]` and `[!a-z]` are one of a set; `{one,two}` is one of several; `\` takes the next
        /// character as it is.
        case glob
        /// A regular expression in RE2's syntax, <https://github.com/google/re2/wiki/Syntax>, which must match some
        /// part of the key. It has no back references and no look-around.
        case regex
    }

    /// How it is written.
    public var syntax: Syntax
    /// The pattern, at most ``Limits/patternBytes`` bytes.
    public var text: String

    /// A pattern.
    public init(_ syntax: Syntax, _ text: String) {
        self.syntax = syntax
        self.text = text
    }

    /// A glob.
    public static func glob(_ text: String) -> KeyPattern { KeyPattern(.glob, text) }
    /// A regular expression.
    public static func regex(_ text: String) -> KeyPattern { KeyPattern(.regex, text) }
}
