import CairnClient
import CairnModel
import Foundation
import Testing

/// kill -9 can't show a missing fsync, as the kernel keeps what was written; the order of the system calls can.
@Suite("Durability: no answer before its fsync")
struct SyncTests {
    private static let traced = "trace=fsync,fdatasync,pwrite64,pwritev,write,writev,sendmsg,sendto"

    @Test(
        "every put's answer leaves after the sync that covers its write",
        .enabled(if: SyncTests.canTrace, "needs strace and the right to trace processes"), .timeLimit(.minutes(10)))
    func syncsBeforeAnswers() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory + "/trace"
            // The data of a call is shown whole: an answer or a page of the log has at most so many bytes here.
            let strace = ["strace", "-f", "-yy", "-s", "16384", "-e", SyncTests.traced, "-o", file]
            let server = try await ServerProcess.start(store: "sqlite:\(directory)/cairn.db", wrapper: strace)
            var markers: [String] = []
            do {
                markers = try await put(on: server)
                try stopTraced(server)
                #expect(try await server.process.status() == .code(0))
            } catch {
                // strace takes the server with it.
                try await server.process.killAndWait()
                throw error
            }
            let trace = SystemCallTrace(try String(contentsOfFile: file, encoding: .isoLatin1))
            let problems = markers.compactMap { trace.problem(with: $0) }
            #expect(problems.isEmpty, "\(problems.count) of \(markers.count) puts: \(problems.prefix(3))")
            let syncs = trace.calls.count { $0.isSync && $0.isOnLog && $0.hasSucceeded }
            print("traced \(markers.count) puts: \(syncs) syncs of the log in \(trace.calls.count) calls")
            #expect(syncs >= SyncTests.oneByOne, "puts one after the other can't share a sync")
        }
    }

    private static let oneByOne = 30

    /// Puts one after the other, then some at once. Returns the keys, which stand in log and answer.
    private func put(on server: ServerProcess) async throws -> [String] {
        let client = try server.client()
        var markers: [String] = []
        for number in 0..<SyncTests.oneByOne {
            let marker = "put-one-by-one-\(number)-end"
            try await client.set(Key(marker), "value")
            markers.append(marker)
        }
        let rest = (0..<60).map { "put-at-once-\($0)-end" }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for marker in rest { group.addTask { try await client.set(Key(marker), "value") } }
            try await group.waitForAll()
        }
        await client.close()
        return markers + rest
    }

    /// The server is strace's child: strace itself must live on until it has written everything.
    private func stopTraced(_ server: ServerProcess) throws {
        let strace = server.process.pid
        let children = try String(contentsOfFile: "/proc/\(strace)/task/\(strace)/children", encoding: .utf8)
        guard let pid = children.split(separator: " ").first.flatMap({ pid_t($0) }) else {
            throw ProcessFailure("strace has no child: \(server.process.errors.text)")
        }
        kill(pid, SIGTERM)
    }

    /// Whether strace is here, and may trace.
    private static let canTrace: Bool = {
        guard CairnBinary.isInstalled("strace") else { return false }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["strace", "-f", "-o", "/dev/null", "true"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
}
