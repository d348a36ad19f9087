import CairnClient
import CairnModel
import Foundation
import Testing

/// A disk without room, and two servers on one file.
@Suite("Files: a full disk, and a shared file")
struct FileTests {
    @Test(
        "a full disk: writes fail with a reason, the server goes on, and nothing acknowledged is lost",
        .enabled(if: Volume.canMount, "needs the right to mount a tmpfs"))
    func fullDisk() async throws {
        try await withVolume(megabytes: 6) { try await fill("sqlite:\($0.path)/cairn.db") }
    }

    @Test(
        "when there is room again, the same server takes writes again, and its watches go on",
        .enabled(if: Volume.canMount, "needs the right to mount a tmpfs"), .timeLimit(.minutes(10)))
    func roomAgain() async throws {
        // Room enough, in the end, for the log and for the file that it may be copied into meanwhile.
        try await withVolume(megabytes: 32) { volume in
            let ballast = volume.path + "/ballast"
            try Data(count: 28 << 20).write(to: URL(fileURLWithPath: ballast))
            let store = "sqlite:\(volume.path)/cairn.db"
            let server = try await ServerProcess.start(store: store)
            let client = try server.client()
            var updates = try await client.watch(WatchRequest(range: .all)).makeAsyncIterator()
            let value = Value(bytes: [UInt8](repeating: 0x61, count: 200 << 10))
            var stored = 0
            var refusal: StoreError?
            while refusal == nil, stored < 60 {
                do throws(StoreError) {
                    try await client.set(Key("k/\(stored)"), value)
                    stored += 1
                } catch {
                    refusal = error
                }
            }
            #expect(refusal?.code == .storageFull && refusal?.retry == .safe, "\(String(describing: refusal))")
            #expect(try await client.get(Key("k/\(stored)")) == nil)
            // Not removed: a process that another test starts may have been handed the open file.
            #expect(truncate(ballast, 0) == 0)
            for number in stored..<stored + 5 {
                // With a request id, as the command line sends it.
                let record = try await client.set(Key("k/\(number)"), value, requestID: .random())
                #expect(record.version == 1 && record.updatedRef.rawValue == Int64(number) + 1)
            }
            var seen: [Ref] = []
            while seen.count < stored + 5, let update = try await updates.next() {
                if case .events(let events) = update { seen += events.map(\.ref) }
            }
            #expect(seen.map(\.rawValue) == Array(1...Int64(stored + 5)))
            await client.close()
            try await server.process.killAndWait()
            try await withServer(store: store) { second in
                let lines = try await second("list").lines
                #expect(lines == (0..<stored + 5).map { "k/\($0)" }.sorted())
            }
        }
    }

    private func withVolume(megabytes: Int, _ body: (Volume) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let volume = try await Volume.mount(at: directory + "/disk", megabytes: megabytes)
            do {
                try await body(volume)
            } catch {
                try await volume.unmount()
                throw error
            }
            try await volume.unmount()
        }
    }

    private func fill(_ store: String) async throws {
        let value = [UInt8](repeating: 0x61, count: 200 << 10)
        var acknowledged: [String] = []
        var refusal: CommandResult?
        let server = try await ServerProcess.start(store: store)
        for number in 0..<60 {
            let result = try await server("set", "k/\(number)", "-", input: value)
            guard result.status == .code(0) else {
                refusal = result
                break
            }
            acknowledged.append("k/\(number)")
        }
        let refused = try #require(refusal, "12 MB fitted into 6")
        #expect(refused.status == .code(1))
        #expect(refused.errors.contains("full") || refused.errors.contains("room"), "\(refused.errors)")
        #expect(try await server("get", "k/0").output == value, "it still reads")
        let listed = try await server("list").lines
        #expect(Set(listed).isSuperset(of: acknowledged))
        // Without a request id, so that nothing has to be remembered of it: there may be no room left for a byte.
        let client = try server.client()
        let absent = await #expect(throws: StoreError.self) { try await client.delete("k/none") }
        #expect(absent?.code == .keyNotFound, "it still answers writes that change nothing")
        await client.close()
        try await server.process.killAndWait()
        let second = try await ServerProcess.start(store: store)
        #expect(try await second("list").lines.count == listed.count)
        for key in acknowledged {
            #expect(try await second("get", key).output == value, "\(key) is there after a crash")
        }
        try await second.process.killAndWait()
    }

    @Test("two servers on one file see each other's writes and events")
    func sharedFile() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/cairn.db"
            try await withServer(store: store) { first in
                try await withServer(store: store) { second in
                    let watch = try second.start("watch", "--from", "0", "--json")
                    for number in 1...5 {
                        try await first.must("set", "first", "\(number)")
                        try await second.must("set", "second", "\(number)")
                    }
                    let lines = try await watch.output.lines(atLeast: 10)
                    #expect(try lines.refs() == (1...10).map { $0 })
                    #expect(try await second("get", "first").text == "5")
                    #expect(try await first("get", "second").text == "5")
                    try await watch.killAndWait()
                }
            }
        }
    }
}

/// A small file system of its own.
private struct Volume {
    let path: String

    static let canMount = getuid() == 0 && CairnBinary.isInstalled("mount") && mayMount()

    static func mount(at path: String, megabytes: Int) async throws -> Volume {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let mount = try ChildProcess(["mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path])
        guard try await mount.status() == .code(0) else { throw ProcessFailure("no tmpfs: \(mount.errors.text)") }
        return Volume(path: path)
    }

    func unmount() async throws { _ = try await ChildProcess(["umount", "-l", path]).status() }

    /// Root in a container may lack the capability; asked of a name space of its own, nothing is left behind.
    private static func mayMount() -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
