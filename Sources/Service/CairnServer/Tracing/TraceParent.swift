package import CairnModel

// The headers of W3C's trace context (w3.org/TR/trace-context, level 1), read and written. No clock, no chance.

/// Who calls, by `traceparent` and `tracestate`.
package struct TraceParent: Hashable, Sendable {
    /// The caller's span.
    package var context: TraceContext
    /// What tracing systems before us have noted, as it came; empty if there was nothing, or something that is no
    /// `tracestate`.
    package var state = ""

    /// The caller that these headers name, each with as many values as it was sent; `nil` unless there is one
    /// `traceparent`, and that is well-formed. A malformed `tracestate` is dropped, and does the rest no harm.
    package init?(parents: [String], states: [String] = []) {
        guard parents.count == 1, let context = TraceContext(traceparent: parents[0]) else { return nil }
        self.context = context
        state = TraceParent.isState(states) ? states.joined(separator: ",") : ""
    }

    /// Whether the values of `tracestate` are at most 32 members with different keys, and not beyond the 512 characters
    /// that must be passed on.
    private static func isState(_ states: [String]) -> Bool {
        let text = states.joined(separator: ",")
        guard text.utf8.count <= 512 else { return false }
        var keys: Set<Substring> = []
        for member in text.split(separator: ",", omittingEmptySubsequences: false) {
            let trimmed = member.drop { isBlank($0) }.trimmingEnd { isBlank($0) }
            // Empty members are allowed, so that values can be joined.
            if trimmed.isEmpty { continue }
            guard let equals = trimmed.firstIndex(of: "=") else { return false }
            let (key, value) = (trimmed[..<equals], trimmed[trimmed.index(after: equals)...])
            guard isKey(key), isValue(value), keys.insert(key).inserted, keys.count <= 32 else { return false }
        }
        return true
    }

    private static func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }

    /// `name` of up to 256 characters, or `tenant@system` of up to 241 and 14.
    private static func isKey(_ key: Substring) -> Bool {
        let parts = key.split(separator: "@", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return isName(parts[0], longest: 256, mayBeginWithDigit: false)
        case 2:
            return isName(parts[0], longest: 241, mayBeginWithDigit: true)
                && isName(parts[1], longest: 14, mayBeginWithDigit: false)
        default: return false
        }
    }

    private static func isName(_ name: Substring, longest: Int, mayBeginWithDigit: Bool) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= longest else { return false }
        guard isLetter(first) || mayBeginWithDigit && isDigit(first) else { return false }
        return name.utf8.allSatisfy { isLetter($0) || isDigit($0) || "_-*/".utf8.contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Up to 256 printable characters but `,` and `=`; blanks at the end are gone already.
    private static func isValue(_ value: Substring) -> Bool {
        (1...256).contains(value.utf8.count)
            && value.utf8.allSatisfy {
                (0x20...0x7E).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=")
            }
    }
}

extension TraceContext {
    /// The span that a `traceparent` names; `nil` if it is malformed.
    ///
    /// `00-`, 32 digits of the trace, `-`, 16 of the span, `-`, 2 of the flags, in small letters. What a later version
    /// adds follows another `-`, and is passed over.
    package init?(traceparent text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 55, let version = TraceContext.number(bytes[0..<2]), version != 0xFF,
            [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }),
            version == 0 ? bytes.count == 55 : bytes.count == 55 || bytes[55] == UInt8(ascii: "-"),
            let high = TraceContext.number(bytes[3..<19]), let low = TraceContext.number(bytes[19..<35]),
            let span = TraceContext.number(bytes[36..<52]), let flags = TraceContext.number(bytes[53..<55]),
            high | low != 0, span != 0
        else { return nil }
        self.init(traceIDHigh: high, traceIDLow: low, spanID: span, isSampled: flags & 1 == 1)
    }

    /// The number that hexadecimal digits in small letters stand for.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}

extension Substring {
    /// The text without what ends it, as far as that holds.
    fileprivate func trimmingEnd(while isTrimmed: (Character) -> Bool) -> Substring {
        var rest = self
        while let last = rest.last, isTrimmed(last) { rest.removeLast() }
        return rest
    }
}
