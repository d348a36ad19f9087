import Cairn
import Logging

/// A logger of the server, which writes where ``LogOutput`` says.
struct ServerLogHandler: LogHandler {
    let label: String
    let output: LogOutput
    var metadata = Logger.Metadata()
    /// A level of its own, if somebody gave it one.
    private var ownLevel: Logger.Level?

    init(label: String, output: LogOutput) {
        self.label = label
        self.output = output
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? output.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        output.write(
            LogLine(
                time: SystemClock().now(), level: event.level, label: label, message: event.message.description,
                metadata: all))
    }
}

/// One line of the log.
struct LogLine {
    var time: Timestamp
    var level: Logger.Level
    var label: String
    var message: String
    var metadata: Logger.Metadata

    /// For people: time, level, message, and fields as `name=value`.
    var text: String {
        let fields = metadata.sorted { $0.key < $1.key }.map { " \($0.key)=\(LogLine.plain($0.value.description))" }
        return "\(time.text) \(level.rawValue.uppercased()) \(label): \(LogLine.oneLine(message))\(fields.joined())\n"
    }

    /// For machines: one object with `time`, `level`, `logger`, `message`, and the fields in `fields`.
    var json: String {
        let object = Object(
            time: time.text, level: level.rawValue, logger: label, message: message,
            fields: metadata.isEmpty ? nil : metadata.mapValues { Field(value: $0) })
        return String(decoding: JSONLines.bytes(of: object), as: UTF8.self)
    }

    private struct Object: Encodable {
        var time: String
        var level: String
        var logger: String
        var message: String
        var fields: [String: Field]?
    }

    private struct Field: Encodable {
        var value: Logger.MetadataValue

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch value {
            case .string(let text): try container.encode(text)
            case .stringConvertible(let value): try container.encode(value.description)
            case .array(let values): try container.encode(values.map { Field(value: $0) })
            case .dictionary(let values): try container.encode(values.mapValues { Field(value: $0) })
            }
        }
    }

    /// The text, in quotes if it wouldn't be told from what follows.
    private static func plain(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value > 32 && $0 != "\"" && $0 != "=" }
        return isPlain ? text : String(decoding: JSONLines.bytes(of: text).dropLast(), as: UTF8.self)
    }

    /// The text without anything that would end the line.
    private static func oneLine(_ text: String) -> String {
        text.contains(where: \.isNewline) ? text.split(whereSeparator: \.isNewline).joined(separator: " ") : text
    }
}
