import ArgumentParser
import CairnServer

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    @Flag(help: "Print one JSON object.")
    var json = false

    private struct Line: Encodable {
        var version: String
    }

    func run() {
        if json { JSONLines.print(Line(version: cairnVersion)) } else { Terminal.print("cairn \(cairnVersion)") }
    }
}
