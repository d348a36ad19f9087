// How long a line, a file and a function may be. Past these, a reader has to scroll to understand one thing.

extension Rule {
    static let columnsMax = 120
    static let fileLinesMax = 400
    static let bodyLinesMax = 60
    static let mainLinesMax = 39

    static let lineLength = Rule.swift("a line has at most \(columnsMax) columns") { file in
        file.lines.enumerated().compactMap { index, line in
            guard line.utf8.count > columnsMax, line.count > columnsMax else { return nil }
            return file.violation(index + 1, "\(line.count) columns: break the line before column \(columnsMax + 1)")
        }
    }

    static let fileLength = Rule.swift("a file has at most \(fileLinesMax) lines") { file in
        guard file.lines.count > fileLinesMax else { return [] }
        return [
            file.violation(fileLinesMax + 1, "\(file.lines.count) lines: split the file by what its parts are about")
        ]
    }

    static let functionLength = Rule.swift("a function's body has at most \(bodyLinesMax) lines") { file in
        FunctionBody.bodies(in: file.tokens).compactMap { body in
            guard body.lineCount > bodyLinesMax else { return nil }
            return file.violation(
                body.line,
                "'\(body.name)' has \(body.lineCount) lines: move a step of it into a function named after that step"
            )
        }
    }

    static let mainLength = Rule.swift("main.swift only wires") { file in
        guard file.name == "main.swift", file.lines.count > mainLinesMax else { return [] }
        return [
            file.violation(mainLinesMax + 1, "main.swift has \(file.lines.count) lines: it only wires; move the rest")
        ]
    }
}
