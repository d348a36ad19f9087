package import CairnModel

extension KeyPattern {
    /// What all keys begin with that match, so that a search can leave out the others; empty if nothing is known.
    package var prefix: Key {
        switch syntax {
        case .glob: Key(bytes: Array(text.utf8.prefix { !KeyPattern.globSpecials.contains($0) }))
        case .regex: regexPrefix
        }
    }

    private static let globSpecials = Set("*?[{\\".utf8)
    private static let quantifiers = Set("*+?{".utf8)

    /// The plain letters after a `^`, unless there is an alternative that need not begin so.
    private var regexPrefix: Key {
        guard text.first == "^", !text.contains("|") else { return Key(bytes: []) }
        let rest = text.utf8.dropFirst()
        var plain = rest.prefix { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: ":"):
                true
            default: false
            }
        }
        // The last letter may be there any number of times, or not at all.
        let next = rest.dropFirst(plain.count).first
        if let next, KeyPattern.quantifiers.contains(next) { plain = plain.dropLast() }
        return Key(bytes: Array(plain))
    }

    /// The part of `range` in which all keys lie that can match.
    package func narrowed(_ range: KeyRange) -> KeyRange {
        let possible = KeyRange(prefix: prefix)
        let upper = [range.upper, possible.upper].compactMap(\.self).min()
        return KeyRange(from: max(range.lower, possible.lower), to: upper)
    }
}
