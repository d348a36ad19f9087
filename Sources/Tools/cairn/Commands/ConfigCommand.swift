import ArgumentParser
import CairnSettings
import Foundation

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check and show the configuration that `cairn serve` would have.",
        subcommands: [Check.self, Print.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check flags, environment and file; end with 0 if `cairn serve` would take them.",
            discussion: """
                Says everything that is wrong, on standard error. Reads the files of --tokens, --jwt-key and --tls-cert,
                too; opens neither the store nor a port.
                """)

        @OptionGroup var options: ServeOptions

        func run() async throws {
            let settings = try options.settings()
            var warnings = settings.warnings.map(\.message)
            try await reportingErrors {
                let addresses = try ServedAddresses(settings)
                _ = try await AccessFiles.policy(settings)
                warnings += try await TLSFiles.check(settings) + ExposureWarnings.of(settings, addresses)
            }
            for warning in warnings { Terminal.complain("warning: \(warning)") }
            Terminal.print("the configuration is right")
        }
    }

    struct Print: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print every setting, and where its value comes from.",
            discussion: "What it prints can be used as a file, if no password is hidden in it.")

        @OptionGroup var options: ServeOptions

        @Flag(help: "Print one JSON object a line.")
        var json = false

        private struct Line: Encodable {
            var name: String
            var value: String?
            var source: String
            var isReloadable: Bool
        }

        func run() throws {
            let settings = try options.settings()
            for warning in settings.warnings { Terminal.complain("warning: \(warning.message)") }
            for setting in Setting.all {
                let entry = settings[setting]
                let value = entry.value.map { setting.shown($0) }
                if json {
                    JSONLines.print(
                        Line(
                            name: setting.name, value: value, source: entry.source.description,
                            isReloadable: setting.isReloadable))
                } else {
                    Terminal.print(setting.fileLine(of: entry))
                }
            }
        }
    }
}

extension Setting {
    /// A line of a configuration file, with where the value comes from as its comment.
    fileprivate func fileLine(of entry: Settings.Entry) -> String {
        guard let value = entry.value else { return Terminal.styled("# \(name): not set", .dim) }
        let written: String
        switch value {
        case .list(let texts): written = "[" + texts.map { quoted($0) }.joined(separator: ", ") + "]"
        case .text: written = quoted(shown(value))
        case .integer, .duration, .ratio, .flag: written = shown(value)
        }
        let line = "\(name): \(written)"
        let gap = String(repeating: " ", count: max(1, 44 - line.count))
        return line + gap + Terminal.styled("# \(entry.source)", .dim)
    }

    /// The text in quotes, as YAML and JSON read it alike.
    private func quoted(_ text: String) -> String {
        String(decoding: JSONLines.bytes(of: text).dropLast(), as: UTF8.self)
    }
}
