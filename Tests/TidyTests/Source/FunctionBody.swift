/// The body of a function, an initialiser, a deinitialiser, a subscript or a computed property.
struct FunctionBody: Hashable, Sendable {
    let name: String
    /// The line of the declaration's keyword.
    let line: Int
    /// How many lines stand between the braces.
    let lineCount: Int

    /// The bodies in a file's tokens, nested ones too.
    ///
    /// Closures count as part of what they stand in.
    static func bodies(in tokens: [Token]) -> [FunctionBody] {
        tokens.indices.compactMap { index in
            guard let head = DeclarationHead(tokens: tokens, index: index),
                let open = head.openingBrace(),
                let close = closingBrace(of: open, in: tokens)
            else { return nil }
            let lineCount = max(0, tokens[close].line - tokens[open].line - 1)
            return FunctionBody(name: head.name, line: tokens[index].line, lineCount: lineCount)
        }
    }

    private static func closingBrace(of open: Int, in tokens: [Token]) -> Int? {
        var depth = 0
        for index in open..<tokens.count {
            if tokens[index].text == "{" { depth += 1 }
            if tokens[index].text == "}" { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }
}

/// A declaration that may have a body, found at its keyword.
private struct DeclarationHead {
    let name: String
    private let tokens: [Token]
    private let index: Int
    private let isProperty: Bool

    init?(tokens: [Token], index: Int) {
        let keyword = tokens[index].text
        guard index + 1 < tokens.count, index == 0 || tokens[index - 1].text != "." else { return nil }
        let next = tokens[index + 1].text
        switch keyword {
        case "func", "var": name = next
        case "init" where ["(", "?", "!", "<"].contains(next): name = keyword
        case "subscript" where ["(", "<"].contains(next): name = keyword
        case "deinit" where next == "{": name = keyword
        default: return nil
        }
        self.tokens = tokens
        self.index = index
        isProperty = keyword == "var"
    }

    func openingBrace() -> Int? {
        isProperty ? openingBraceOfProperty() : openingBraceOfFunction()
    }

    /// Where the body opens: the first brace outside the parameter list.
    ///
    /// A protocol's requirement has none. It ends with its line, once its parameters are closed, unless the line before
    /// or the line after shows that the signature goes on.
    private func openingBraceOfFunction() -> Int? {
        var depth = 0
        var sawParameters = tokens[index].text == "deinit"
        for here in (index + 1)..<tokens.count {
            let text = tokens[here].text
            if depth == 0, sawParameters, tokens[here].line > tokens[here - 1].line, endsSignature(before: here) {
                return nil
            }
            switch text {
            case "(", "[":
                depth += 1
            case ")", "]":
                depth -= 1
                if depth == 0, text == ")" { sawParameters = true }
            case "{" where depth == 0:
                return here
            case "}" where depth == 0, ";" where depth == 0:
                return nil
            default: break
            }
            if depth < 0 { return nil }
        }
        return nil
    }

    private func endsSignature(before here: Int) -> Bool {
        if ["{", "-", "where", "throws", "async", "rethrows", "&", "."].contains(tokens[here].text) { return false }
        let last = tokens[here - 1].text
        let endsWithArrow = last == ">" && tokens[here - 2].text == "-"
        return !endsWithArrow && ![",", "&", ":", "=", "where"].contains(last)
    }

    /// Where the accessors open: the first brace after the type, on the same line as the rest.
    private func openingBraceOfProperty() -> Int? {
        var sawType = false
        for here in (index + 1)..<tokens.count {
            if tokens[here].line > tokens[here - 1].line { return nil }
            switch tokens[here].text {
            case ":": sawType = true
            case "{": return sawType ? here : nil
            case "=", "}", ";": return nil
            default: break
            }
        }
        return nil
    }
}
