import Foundation
import Testing

/// What the README shows, done: its tour command by command, and the examples.
@Suite("Guides")
struct GuideTests {
    @Test(
        "the README's tour prints what it says",
        .enabled(if: CairnBinary.isInstalled("sqlite3"), "the tour ends with the sqlite3 shell, which is not here"))
    func tour() async throws {
        let steps = try TourStep.all(in: String(contentsOfFile: repository + "/README.md", encoding: .utf8))
        #expect(steps.count > 15)
        try await withTemporaryDirectory { directory in
            try await withServer(store: "sqlite:\(directory)/tour.db") { (cairn) async throws in
                var last = ExitStatus.code(0)
                for step in steps {
                    if step.command == "echo $?" {
                        #expect("\(last)" == "\(ExitStatus.code(Int32(step.output.dropLast()) ?? -1))")
                        continue
                    }
                    let (output, status) = try await run(step.command, at: cairn.address, in: directory)
                    #expect(normalised(output) == normalised(step.output), "\(step.command)")
                    last = status
                }
            }
        }
    }

    @Test("the guide to security: its file of tokens is taken, and its commands print what it says")
    func security() async throws {
        let page = try String(contentsOfFile: repository + "/docs/guides/security.md", encoding: .utf8)
        let tokens = try #require(
            page.components(separatedBy: "```yaml\n").dropFirst().first?.components(separatedBy: "```").first)
        let steps = try TourStep.all(in: page)
        #expect(steps.count > 8)
        try await withTemporaryDirectory { directory in
            try tokens.write(toFile: directory + "/tokens.yaml", atomically: true, encoding: .utf8)
            try await withServer(options: ["--tokens", directory + "/tokens.yaml"]) { (cairn) async throws in
                var last = ExitStatus.code(0)
                for step in steps {
                    if step.command == "echo $?" {
                        #expect("\(last)" == "\(ExitStatus.code(Int32(step.output.dropLast()) ?? -1))")
                        continue
                    }
                    let (output, status) = try await run(step.command, at: cairn.address, in: directory)
                    #expect(normalised(output) == normalised(step.output), "\(step.command)")
                    last = status
                }
            }
        }
    }

    @Test("the example of embedding runs")
    func embedded() async throws {
        let example = try ChildProcess([sibling("example-embedded")])
        #expect(try await example.status() == .code(0))
        let lines = try await example.output.lines(atLeast: 6)
        #expect(lines[1] == "as expected: CONDITION_FAILED")
        #expect(lines[5] == "4 created \"jobs/1/result\" 42")
    }

    @Test("the example of a client runs")
    func client() async throws {
        try await withServer { (cairn) async throws in
            let port = cairn.address.split(separator: ":").last.map(String.init) ?? ""
            let example = try ChildProcess([sibling("example-client"), port])
            #expect(try await example.status() == .code(0))
            #expect(try await example.output.lines(atLeast: 1) == ["\"workers/1\" expired"])
        }
    }

    private var repository: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
    }

    private func sibling(_ product: String) -> String {
        URL(fileURLWithPath: CairnBinary.path).deletingLastPathComponent().appendingPathComponent(product).path
    }

    /// Runs a line of shell with the built `cairn` on the path; both its outputs, in order.
    private func run(_ command: String, at address: String, in directory: String) async throws -> (String, ExitStatus) {
        let binaries = URL(fileURLWithPath: CairnBinary.path).deletingLastPathComponent().path
        let path = binaries + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
        let shell = try ChildProcess(
            ["bash", "-c", "exec 2>&1\n" + command], environment: ["CAIRN_ADDRESS": address, "PATH": path],
            directory: directory)
        let status = try await shell.status()
        return (String(decoding: try await shell.output.all(), as: UTF8.self), status)
    }

    /// The text without what differs from run to run: times, and who runs it.
    private func normalised(_ text: String) -> String {
        text.trimmingCharacters(in: .whitespacesAndNewlines)
            .replacing(#/\d{4}-\d\d-\d\dT[\d:.]+Z/#, with: "TIME")
            .replacing(#/"timeLeftMs":\d+/#, with: "\"timeLeftMs\":0")
            .replacing(#/"clientID":"[^"]+@[^"]+"/#, with: "\"clientID\":\"USER\"")
    }
}

/// A command of the tour and what it prints.
private struct TourStep {
    var command: String
    var output = ""

    /// The steps in the `console` blocks of a page. A command goes on to the line that ends its here-document.
    static func all(in page: String) throws -> [TourStep] {
        var steps: [TourStep] = []
        var isConsole = false
        var isInDocument = false
        for line in page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("```") {
                isConsole = line == "```console"
            } else if !isConsole {
                continue
            } else if isInDocument {
                steps[steps.count - 1].command += "\n" + line
                isInDocument = line != "END"
            } else if line.hasPrefix("$ ") {
                steps.append(TourStep(command: String(line.dropFirst(2))))
                isInDocument = line.hasSuffix("<<'END'")
            } else {
                steps[steps.count - 1].output += line + "\n"
            }
        }
        return steps
    }
}
