import CairnClient
import CairnModel
import CairnSecurity
import Testing

@testable import CairnServer

/// Who is told of reads where callers are asked for who they are, and by which name.
@Suite("Watches of reads, with permissions")
struct AccessDoorTests {
    private let entries = [
        entry("web", [.init("web/", .readWrite)]), entry("writer", [.init("", .write)]), entry("root", admin: true),
        entry("service", [.init("", .read)], clientID: "service-1"),
    ]

    @Test("a watcher is told of the keys that it may read alone; by the name that the reader's token gives")
    func told() async throws {
        try await withSecuredServer(entries) { (secured) async throws in
            try await secured.client("root") { (root) async throws in
                for key: Key in ["web/a", "web/b", "secret/a"] { try await root.set(key, "1") }
            }
            for ranges: [KeyRange] in [[.all], [KeyRange(prefix: "web/"), KeyRange(single: "secret/a")]] {
                let code = try await secured.refusal("web") {
                    _ = try await $0.watch(WatchRequest(ranges: ranges, kinds: [.accessed]))
                }
                #expect(code == .permissionMissing)
            }
            let blind = try await secured.refusal("writer") {
                _ = try await $0.watch(WatchRequest(range: KeyRange(prefix: "web/"), kinds: [.accessed]))
            }
            #expect(blind == .permissionMissing, "who may only write isn't told what is read")
            try await secured.client("web") { (web) async throws in
                let stream = try await web.watch(WatchRequest(range: KeyRange(prefix: "web/"), kinds: [.accessed]))
                try await secured.client("root") { _ = try await $0.get("secret/a") }
                #expect(try await secured.refusal("writer") { _ = try await $0.get("web/a") } == .permissionMissing)
                let stolen = try await secured.refusal("web", clientID: "service-1") { _ = try await $0.get("web/a") }
                #expect(stolen == .clientIDMismatch)
                try await secured.client("service") { _ = try await $0.get("web/a") }
                try await secured.client("web", clientID: "me") { _ = try await $0.get("web/a") }
                try await secured.client("web") { _ = try await $0.pop("web/b") }
                var accesses: [KeyAccess] = []
                for try await case .accesses(let more, let missed) in stream {
                    #expect(missed == .none)
                    accesses += more
                    if accesses.count >= 3 { break }
                }
                #expect(accesses.map(\.key) == ["web/a", "web/a", "web/b"])
                #expect(accesses.map(\.clientID) == ["service-1", "me", "web"])
            }
        }
    }
}
