import Foundation

/// The built `cairn`, run as people run it.
enum CairnBinary {
    /// The product lies beside the test bundle that is running.
    static let path: String = {
        let bundle =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("cairn").path
    }()

    /// Whether a command can be found, for tests that need a tool.
    static func isInstalled(_ command: String) -> Bool {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"])
            .contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(command)") }
    }

    /// Runs SQL on a file with SQLite's own shell.
    static func sqlite(_ file: String, _ sql: String) async throws {
        let shell = try ChildProcess(["sqlite3", file, sql])
        guard try await shell.status() == .code(0) else { throw ProcessFailure("sqlite3: \(shell.errors.text)") }
    }

    /// Runs a command to its end.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], input: [UInt8] = [], directory: String? = nil
    ) async throws -> CommandResult {
        let process = try ChildProcess([path] + arguments, environment: environment, input: input, directory: directory)
        let status = try await process.status()
        return CommandResult(
            status: status, output: try await process.output.all(),
            errors: String(decoding: try await process.errors.all(), as: UTF8.self))
    }
}

/// What a command has done.
struct CommandResult: Sendable, CustomStringConvertible {
    let status: ExitStatus
    let output: [UInt8]
    let errors: String

    /// Standard output as text.
    var text: String { String(decoding: output, as: UTF8.self) }

    /// The lines of standard output.
    var lines: [String] { text.split(separator: "\n").map(String.init) }

    var description: String { "\(status)\nstandard output: \(text)\nstandard error: \(errors)" }

    /// The objects of standard output, one a line.
    func objects() throws -> [JSONFields] { try lines.map { try JSONFields($0) } }

    /// The one object of standard output.
    func object() throws -> JSONFields {
        guard lines.count == 1 else {
            throw ProcessFailure("\(lines.count) lines where one object was expected: \(text)")
        }
        return try JSONFields(lines[0])
    }
}

extension Sequence<String> {
    /// The refs of the events that these lines of `watch --json` tell of.
    func refs() throws -> [Int?] { try map { try JSONFields($0).number("ref") } }
}

/// The fields of an object that `--json` has printed.
struct JSONFields {
    private let fields: [String: Any]

    init(_ line: String) throws {
        guard let fields = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
            throw ProcessFailure("this line is no JSON object: \(line)")
        }
        self.fields = fields
    }

    var names: Set<String> { Set(fields.keys) }

    func text(_ name: String) -> String? { fields[name] as? String }
    func number(_ name: String) -> Int? { fields[name] as? Int }
    func flag(_ name: String) -> Bool? { fields[name] as? Bool }
    func object(_ name: String) -> JSONFields? { (fields[name] as? [String: Any]).map { JSONFields(fields: $0) } }
    func objects(_ name: String) -> [JSONFields]? { (fields[name] as? [[String: Any]])?.map { JSONFields(fields: $0) } }
    func texts(_ name: String) -> [String]? { fields[name] as? [String] }

    private init(fields: [String: Any]) { self.fields = fields }
}
