/// A text file of the repository, cut up the way that the rules look at it.
struct SourceFile: Sendable {
    /// The path from the repository's root.
    let path: String
    /// The lines as they stand in the file.
    let lines: [String]
    /// The lines of a Swift file without its comments and the text of its strings; of another file, nothing.
    let code: [String]
    /// The lines of a Swift file with nothing but its comments; of another file, nothing.
    let comments: [String]
    /// The code of a Swift file, word by word and sign by sign; of another file, nothing.
    let tokens: [Token]

    init(path: String, text: String) {
        self.path = path
        let bytes = Array(text.utf8)
        lines = Self.lines(of: bytes)
        if path.hasSuffix(".swift") {
            let lexed = SwiftLexer(bytes)
            code = Self.lines(of: lexed.code)
            comments = Self.lines(of: lexed.comments)
            tokens = Token.tokens(of: lexed.code)
        } else {
            code = []
            comments = []
            tokens = []
        }
    }

    /// Whether people write this file: Swift, but not generated.
    var isHandWrittenSwift: Bool {
        path.hasSuffix(".swift") && !path.split(separator: "/").contains("Generated")
    }

    var isMarkdown: Bool { path.hasSuffix(".md") }

    /// The last component of the path.
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Whether a comment that says something is on the line, counted from 1, or on one of those above it.
    func hasReason(at line: Int, linesAbove above: Int) -> Bool {
        (max(1, line - above)...line).contains { saysSomething(comments[$0 - 1]) }
    }

    func violation(_ line: Int, _ message: String) -> Violation {
        Violation(path: path, line: line, message: message)
    }

    private static func lines(of bytes: [UInt8]) -> [String] {
        var lines = bytes.split(separator: .newline, omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether a line's comment is more than a mark for a tool.
    private func saysSomething(_ comment: String) -> Bool {
        let words = comment.split { !($0.isLetter || $0.isNumber) }
        guard let first = words.first else { return false }
        return first != "MARK" && !comment.contains("swift-format-ignore")
    }
}

/// What a rule found, and how to mend it.
struct Violation: Hashable, Sendable, CustomStringConvertible {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}

/// A word or a sign of Swift code.
struct Token: Hashable, Sendable {
    let text: String
    /// Counted from 1.
    let line: Int

    var isWord: Bool { text.utf8.first.map(Self.isWordByte) ?? false }

    static func tokens(of code: [UInt8]) -> [Token] {
        var tokens: [Token] = []
        var line = 1
        var index = 0
        while index < code.count {
            let start = index
            index += 1
            if code[start] == .newline {
                line += 1
            } else if isWordByte(code[start]) {
                while index < code.count, isWordByte(code[index]) { index += 1 }
                tokens.append(Token(text: String(decoding: code[start..<index], as: UTF8.self), line: line))
            } else if code[start] != .space, code[start] != UInt8(ascii: "\t") {
                tokens.append(Token(text: String(decoding: code[start..<index], as: UTF8.self), line: line))
            }
        }
        return tokens
    }

    // A backtick is part of its word, so that `func` in backticks isn't taken for the keyword.
    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "`"), 0x80...: true
        default: false
        }
    }
}
