import Foundation
import Testing

/// `Scripts/run-tests.sh`, with something in the place of `swift` that begins two tests, ends one, and hangs.
@Suite("run-tests.sh", .timeLimit(.minutes(10)))
struct RunScriptTests {
    private static let stuck = """
        #!/usr/bin/env bash
        # Called as: swift test --event-stream-output-path FILE …
        for test in A.B/ends\\(\\) A.B/hangs\\(\\); do
            echo "{\\"kind\\":\\"testStarted\\",\\"testID\\":\\"$test\\"}" >> "$3"
        done
        echo '{"kind":"testEnded","testID":"A.B/ends()"}' >> "$3"
        echo output
        [[ -n ${ENDS:-} ]] || sleep 600
        exit "$ENDS"
        """

    @Test("a run that hangs says which test it is, and is ended") func hangs() async throws {
        let (status, output) = try await run(["TEST_SILENCE_REPORT": "1", "TEST_SILENCE_END": "2"])
        #expect(status != 0)
        #expect(output.contains("A.B/hangs()") && !output.contains("A.B/ends()"))
        #expect(output.contains("ending the run"))
    }

    @Test("a run that ends does so with the status of its tests, and its output is kept", arguments: [0, 1])
    func ends(_ expected: Int32) async throws {
        let (status, output) = try await run(["ENDS": "\(expected)"])
        #expect(status == expected)
        #expect(output == "output\n")
    }

    /// Runs the script; returns its exit code, and what is in its log.
    private func run(_ environment: [String: String]) async throws -> (Int32, String) {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appending(path: "cairn-run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let swift = folder.appending(path: "swift")
        try Self.stuck.write(to: swift, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: swift.path)
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let process = Process()
        process.executableURL = root.appending(path: "Scripts/run-tests.sh")
        process.arguments = [folder.appending(path: "log").path]
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let path = process.environment?["PATH"] ?? "/usr/bin:/bin"
        process.environment?["PATH"] = "\(folder.path):\(path)"
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in done.resume() }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        let log = try String(contentsOf: folder.appending(path: "log"), encoding: .utf8)
        return (process.terminationStatus, log)
    }
}
