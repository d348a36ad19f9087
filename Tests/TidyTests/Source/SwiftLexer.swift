// Tells code, comments and the contents of strings apart.
//
// The rules look at code without being misled by a brace in a string or a keyword in a comment, so this has to be
// right about Swift's strings (plain, raw, multi-line, with interpolations inside interpolations) and about nested
// block comments. It needs no grammar beyond that. Both results have the length of the source: what doesn't belong is a
// space, so that a line and a column mean the same in all three. The quotes of a string stay in the code, its text
// doesn't; what stands in an interpolation is code.
//
// Not understood: regex literals between bare slashes. Write them as #/…/#, which is.

/// A Swift source, split into its code and its comments.
struct SwiftLexer {
    private(set) var code: [UInt8]
    private(set) var comments: [UInt8]
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        code = bytes.map { $0 == .newline ? .newline : .space }
        comments = code
        scanCode(inInterpolation: false)
    }

    private func peek(_ offset: Int = 0) -> UInt8? {
        index + offset < bytes.count ? bytes[index + offset] : nil
    }

    private func looksAt(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        return index + count <= bytes.count && bytes[index..<index + count].elementsEqual("\(text)".utf8)
    }

    private mutating func takeCode(_ count: Int = 1) {
        for _ in 0..<count where index < bytes.count {
            code[index] = bytes[index]
            index += 1
        }
    }

    private mutating func takeComment(_ count: Int = 1) {
        for _ in 0..<count where index < bytes.count {
            comments[index] = bytes[index]
            index += 1
        }
    }

    /// Scans to the end of the source, or through the parenthesis that closes the interpolation.
    private mutating func scanCode(inInterpolation: Bool) {
        var depth = 0
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "/") where looksAt("//"):
                scanLineComment()
            case UInt8(ascii: "/") where looksAt("/*"):
                scanBlockComment()
            case UInt8(ascii: "\""):
                scanString(hashes: 0)
            case UInt8(ascii: "#"):
                scanHashes()
            case UInt8(ascii: "("):
                depth += 1
                takeCode()
            case UInt8(ascii: ")"):
                depth -= 1
                takeCode()
                if inInterpolation, depth < 0 { return }
            default:
                takeCode()
            }
        }
    }

    private mutating func scanLineComment() {
        while let byte = peek(), byte != .newline { takeComment() }
    }

    private mutating func scanBlockComment() {
        var depth = 0
        while index < bytes.count {
            if looksAt("/*") {
                depth += 1
                takeComment(2)
            } else if looksAt("*/") {
                depth -= 1
                takeComment(2)
                if depth == 0 { return }
            } else {
                takeComment()
            }
        }
    }

    /// Scans a raw string, a regex between hashes, or just hashes, as in `#if`.
    private mutating func scanHashes() {
        var hashes = 0
        while peek(hashes) == UInt8(ascii: "#") { hashes += 1 }
        let next = peek(hashes)
        takeCode(hashes)
        switch next {
        case UInt8(ascii: "\""): scanString(hashes: hashes)
        case UInt8(ascii: "/"): scanRegex(hashes: hashes)
        default: break
        }
    }

    private func closes(_ quote: StaticString, hashes: Int) -> Bool {
        let count = quote.utf8CodeUnitCount
        return looksAt(quote) && (0..<hashes).allSatisfy { peek(count + $0) == UInt8(ascii: "#") }
    }

    private mutating func scanString(hashes: Int) {
        let isMultiLine = looksAt("\"\"\"")
        let quote: StaticString = isMultiLine ? "\"\"\"" : "\""
        takeCode(quote.utf8CodeUnitCount)
        while let byte = peek() {
            if closes(quote, hashes: hashes) {
                takeCode(quote.utf8CodeUnitCount + hashes)
                return
            }
            if byte == .newline, !isMultiLine { return }
            if byte == UInt8(ascii: "\\"), (0..<hashes).allSatisfy({ peek(1 + $0) == UInt8(ascii: "#") }) {
                index += 1 + hashes
                if peek() == UInt8(ascii: "(") {
                    takeCode()
                    scanCode(inInterpolation: true)
                } else if peek() != .newline {
                    index += 1
                }
            } else {
                index += 1
            }
        }
    }

    private mutating func scanRegex(hashes: Int) {
        takeCode()
        while index < bytes.count {
            if closes("/", hashes: hashes) {
                takeCode(1 + hashes)
                return
            }
            index += peek() == UInt8(ascii: "\\") ? 2 : 1
        }
    }
}

extension UInt8 {
    static let newline = UInt8(ascii: "\n")
    static let space = UInt8(ascii: " ")
}
