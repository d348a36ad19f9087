/// What a setting's values are, and how they are read from text.
package enum SettingKind: Hashable, Sendable {
    /// Any text that isn't empty, such as the path of a file.
    case text
    /// Several texts: a flag that is repeated, a list in the file, separated by commas in the environment.
    case list
    /// A whole number within bounds.
    case integer(ClosedRange<Int>)
    /// A number of bytes within bounds, such as `64KiB`.
    case bytes(ClosedRange<Int>)
    /// A length of time of at least so many microseconds, such as `30s`.
    case duration(atLeast: Int64)
    /// A number from 0 to 1.
    case ratio
    /// `grpc://HOST:PORT` or `http://HOST:PORT`.
    case endpoint
    /// One of some words.
    case choice([String])
    /// Yes or no.
    case flag

    /// The value that a text stands for, or what is wrong with it: the end of a sentence that begins with the text.
    package func value(of text: String) -> Result<SettingValue, SettingProblem> {
        switch self {
        case .text:
            text.isEmpty ? .failure(wrong("is empty")) : .success(.text(text))
        case .list:
            value(of: [text])
        case .integer(let bounds):
            within(bounds, Int(text), "no whole number")
        case .bytes(let bounds):
            within(bounds, ByteCountText.count(of: text), "no number of bytes, such as 4096 or 64KiB")
        case .duration(let least):
            duration(text, least)
        case .ratio:
            Double(text).flatMap { (0...1).contains($0) ? .success(.ratio($0)) : nil }
                ?? .failure(wrong("is no number from 0 to 1, such as 0.01"))
        case .endpoint:
            EndpointText(text) == nil
                ? .failure(wrong("is neither grpc://HOST:PORT nor http://HOST:PORT")) : .success(.text(text))
        case .choice(let words):
            words.contains(text)
                ? .success(.text(text)) : .failure(wrong("is not one of \(words.joined(separator: ", "))"))
        case .flag:
            switch text.lowercased() {
            case "true", "yes", "on", "1": .success(.flag(true))
            case "false", "no", "off", "0": .success(.flag(false))
            default: .failure(wrong("is neither true nor false"))
            }
        }
    }

    /// The value that several texts stand for, for a list.
    package func value(of texts: [String]) -> Result<SettingValue, SettingProblem> {
        if texts.isEmpty || texts.contains("") { return .failure(wrong("is empty")) }
        return .success(.list(texts))
    }

    private func within(
        _ bounds: ClosedRange<Int>, _ number: Int?, _ what: String
    ) -> Result<
        SettingValue, SettingProblem
    > {
        guard let number else { return .failure(wrong("is \(what)")) }
        guard bounds.contains(number) else {
            return .failure(
                wrong(
                    bounds.upperBound == .max
                        ? "is too small; the least is \(bounds.lowerBound)"
                        : "is out of bounds; it must be \(bounds.lowerBound) to \(bounds.upperBound)"))
        }
        return .success(.integer(number))
    }

    private func duration(_ text: String, _ least: Int64) -> Result<SettingValue, SettingProblem> {
        guard let duration = DurationText.duration(of: text) else {
            return .failure(wrong("is no duration, such as 30s, 1h30m or 250ms"))
        }
        guard duration >= .microseconds(least) else {
            return .failure(wrong("is too short; the least is \(DurationText.text(of: .microseconds(least)))"))
        }
        return .success(.duration(duration))
    }

    private func wrong(_ words: String) -> SettingProblem { SettingProblem(words) }

    /// The type's name for people.
    package var typeName: String {
        switch self {
        case .text: "text"
        case .list: "list of texts"
        case .integer(let bounds):
            bounds.upperBound == .max
                ? "number from \(bounds.lowerBound)" : "number, \(bounds.lowerBound) to \(bounds.upperBound)"
        case .bytes(let bounds): "bytes, \(bounds.lowerBound) to \(ByteCountText.text(of: bounds.upperBound))"
        case .duration: "duration"
        case .ratio: "number, 0 to 1"
        case .endpoint: "URL"
        case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
        case .flag: "`true` or `false`"
        }
    }
}

/// What is wrong with a setting, in words.
package struct SettingProblem: Error, Hashable, Sendable {
    /// The words.
    package let message: String

    /// A problem in these words.
    package init(_ message: String) { self.message = message }
}
