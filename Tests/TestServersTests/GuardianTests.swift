import Foundation
import Testing

@testable import CairnTestServers

@Suite("The guardian of the servers' directory")
struct GuardianTests {
    @Test("it kills what works in the directory, and removes it")
    func killsAndRemoves() async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "cairn-guardian-\(UUID())").path
        let other = FileManager.default.temporaryDirectory.appending(path: "cairn-guardian-\(UUID())").path
        for path in ["\(root)/server/data", "\(other)/server/data"] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        let guardian = try DirectoryGuardian(of: root)
        let inside = try start(in: "\(root)/server/data")
        let outside = try start(in: "\(other)/server/data")
        try await blocking {
            guardian.finish()
            #expect(inside.wait(atMost: .seconds(20)) == .signal(SIGKILL))
        }
        #expect(!FileManager.default.fileExists(atPath: root))
        #expect(outside.exit == nil)
        outside.signal(SIGKILL)
        try FileManager.default.removeItem(atPath: other)
    }

    /// Starts a process that ignores what can be ignored.
    private func start(in directory: String) throws -> Child {
        let nothing = try Descriptor.reading("/dev/null")
        let streams = Child.Streams(input: nothing.number, output: nothing.number, errors: nothing.number)
        return try Child(["sh", "-c", "trap '' TERM INT HUP; exec sleep 300"], streams: streams, directory: directory)
    }
}
