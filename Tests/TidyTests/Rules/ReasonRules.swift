// What the compiler can't check, a comment has to justify.

extension Rule {
    static let unsafeReasons = Rule.swift("what switches a check of the compiler off gives its reason") { file in
        let switches = [
            "@unchecked", "nonisolated(unsafe)", "unsafeBitCast", "Unmanaged",
            "withUnsafeContinuation", "withUnsafeThrowingContinuation",
        ]
        return file.code.enumerated().compactMap { index, line in
            guard let found = switches.first(where: line.contains),
                !file.hasReason(at: index + 1, linesAbove: 3)
            else { return nil }
            return file.violation(index + 1, "'\(found)' without a reason: say in a comment above why this is safe")
        }
    }

    static let unsafePointers = Rule.swift("a file that uses unsafe pointers says why that is sound") { file in
        let prefixes = ["withUnsafe", "UnsafeMutable", "UnsafePointer", "UnsafeRaw", "UnsafeBuffer", "unsafeDowncast"]
        let isExplained = file.comments.contains { comment in
            let text = comment.lowercased()
            return text.contains("unsafe") || text.contains("pointer")
        }
        let first = file.tokens.first { token in
            prefixes.contains(where: token.text.hasPrefix) && !token.text.hasSuffix("Continuation")
        }
        guard let first, !isExplained else { return [] }
        return [
            file.violation(
                first.line,
                "'\(first.text)': explain in a comment how long the pointer lives and who frees it"
            )
        ]
    }

    static let shortcuts = Rule.swift("what may crash gives its reason") { file in
        file.code.enumerated().compactMap { index, line in
            guard let found = ["try!", "as!", "fatalError("].first(where: { containsWord($0, in: line) }),
                !file.hasReason(at: index + 1, linesAbove: 1)
            else { return nil }
            return file.violation(
                index + 1,
                "'\(found)' without a reason: handle the failure, or say in a comment why it can't happen"
            )
        }
    }

    static let openEnds = Rule.swift("nothing is left open in a comment") { file in
        file.comments.enumerated().compactMap { index, comment in
            let words = comment.split { !($0.isLetter || $0.isNumber) }
            guard let found = words.first(where: { ["TODO", "FIXME", "XXX"].contains($0) }) else { return nil }
            return file.violation(index + 1, "'\(found)': do it now, or open an issue and delete the comment")
        }
    }

    static let endlessWaits = Rule.swift("a wait of a test ends, and says what it was for") { file in
        let isTest = file.path.hasPrefix("Tests/") || file.path.hasPrefix("Sources/Testing/")
        guard isTest, !file.path.hasPrefix("Sources/Testing/CairnTestWaits/") else { return [] }
        return file.code.enumerated().compactMap { index, line in
            let loop = line.contains("while ") ? line : index > 0 ? file.code[index - 1] : ""
            if line.contains("Task.yield()"), loop.contains("while ") {
                return file.violation(index + 1, "a loop that waits for ever: use `eventually` of CairnTestWaits")
            }
            guard line.contains("withCheckedContinuation"), !file.hasReason(at: index + 1, linesAbove: 3) else {
                return nil
            }
            return file.violation(
                index + 1,
                "a wait that can't fail: use `waiting(for:)` of CairnTestWaits, or say in a comment what ends it")
        }
    }

    /// Whether the text occurs and isn't the tail of a longer word.
    private static func containsWord(_ text: String, in line: String) -> Bool {
        line.ranges(of: text).contains { range in
            guard range.lowerBound > line.startIndex else { return true }
            let before = line[line.index(before: range.lowerBound)]
            return !(before.isLetter || before.isNumber || before == "_")
        }
    }
}
