import Foundation
import Testing

/// The use of keys outlives the server, where there are snapshots.
@Suite("Snapshots: the use of keys")
struct KeyMetricsRestartTests {
    private func options(_ directory: String, _ more: [String] = []) -> [String] {
        ["--snapshot-to", "file:\(directory)/snapshots", "--snapshot-interval", "0s"] + more
    }

    private func use(_ cairn: ServerProcess) async throws {
        try await cairn.must("set", "a", "1")
        try await cairn.must("set", "a", "2")
        for _ in 0..<3 { try await cairn.must("get", "a") }
        try await cairn.must("lock", "a", "1h", "--client-id", "ann")
        try await cairn.must("set", "gone", "1")
        try await cairn.must("delete", "gone")
    }

    @Test(
        "a server that is stopped, or killed after a snapshot, tells the same counts and times",
        arguments: [false, true])
    func restart(isKilled: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let options = options(directory, ["--key-metrics", "10"])
            let before = try await withServer(options: options) { (cairn) async throws in
                try await use(cairn)
                if isKilled { try await cairn.must("snapshot") }
                let told = [
                    try await cairn.must("metrics", "a", "--json").text,
                    try await cairn.must("metrics", "gone", "--json").text,
                ]
                // Otherwise it is killed, as it ends.
                if !isKilled { #expect(try await cairn.stop() == .code(0)) }
                return told
            }
            #expect(before[0].contains(#""count":3"#) && before[1].contains(#""count":1"#), "\(before)")
            try await withServer(options: options) { (cairn) async throws in
                #expect(try await cairn.must("metrics", "a", "--json").text == before[0])
                #expect(try await cairn.must("metrics", "gone", "--json").text == before[1])
                try await cairn.must("get", "a", "--client-id", "ann")
                let more = try await cairn.must("metrics", "a", "--json").object()
                #expect(more.object("accesses")?.number("count") == 4 && more.object("sets")?.number("count") == 2)
                // Nothing was written since; what was read is there all the same.
                #expect(try await cairn.stop() == .code(0))
            }
            try await withServer(options: options) { (cairn) async throws in
                let more = try await cairn.must("metrics", "a", "--json").object()
                #expect(more.object("accesses")?.number("count") == 4)
                #expect(try await cairn.stop() == .code(0))
            }
            // A server that doesn't count loads the snapshot, and its own has nothing of it.
            try await withServer(options: self.options(directory)) { (cairn) async throws in
                #expect(try await cairn.must("get", "a", "--client-id", "ann").text == "2")
                try await cairn.must("set", "b", "1")
                #expect(try await cairn.stop() == .code(0))
            }
            try await withServer(options: options) { (cairn) async throws in
                #expect(try await cairn("metrics", "a").status == .code(3))
            }
        }
    }

    @Test("pruning goes by what was counted before the restart")
    func pruning() async throws {
        try await withTemporaryDirectory { directory in
            let options = options(directory, ["--key-metrics", "100", "--admin-client-ids", "root"])
            try await withServer(options: options) { (cairn) async throws in
                for key in ["a", "b", "c", "d"] { try await cairn.must("set", key, "1") }
                // Those that were changed first, and would be pruned first, are those that are missed most.
                for key in ["a", "b"] { try await cairn.must("get", key) }
                #expect(try await cairn.stop() == .code(0))
            }
            try await withServer(options: options) { (cairn) async throws in
                try await cairn.must("prune", "2", "--client-id", "root")
                #expect(try await cairn.must("list").lines == ["a", "b"])
            }
        }
    }
}
