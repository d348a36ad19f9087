import Foundation

/// strace on a server that is running: it lets the kernel answer EIO to syncs, without making them.
///
/// A server's threads count their calls each for itself, from the moment on at which strace is there; all commits are
/// made by one thread.
struct SyncFaults {
    private let strace: ChildProcess
    private let file: String

    /// Makes syncs of a server fail from now on. `which` is strace's `when`: `1` is the next of each thread, `1..2` the
    /// next two, and `3+4` the third and every fourth after it. Other `calls` can fail instead. What strace sees is
    /// written to `file`.
    static func attach(
        to server: ServerProcess, failing which: String, of calls: String = "fsync,fdatasync", file: String
    ) async throws -> SyncFaults {
        let strace = try ChildProcess([
            "strace", "-f", "-yy", "-p", "\(server.process.pid)", "-e", "trace=\(calls)",
            "-e", "inject=\(calls):error=EIO:when=\(which)", "-o", file,
        ])
        _ = try await strace.errors.first("its word that it is attached", within: .seconds(20)) { bytes in
            String(decoding: bytes, as: UTF8.self).contains(" attached") ? true : nil
        }
        return SyncFaults(strace: strace, file: file)
    }

    /// How many syncs have failed. To be asked when the server has ended.
    func failed() async throws -> Int {
        _ = try await strace.status()
        return try String(contentsOfFile: file, encoding: .isoLatin1).split(separator: "\n")
            .count { $0.hasSuffix("(INJECTED)") }
    }

    /// Whether strace is here, and may attach itself to a process that is not its child.
    static let arePossible: Bool = {
        guard CairnBinary.isInstalled("strace") else { return false }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // It ends with the process that it traces, or at once with an error.
        process.arguments = ["sh", "-c", "sleep 1 & exec strace -o /dev/null -p $!"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
}
