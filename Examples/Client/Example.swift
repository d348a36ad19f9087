// A worker that announces itself with a lease, and counts what others do. Needs a server: `cairn serve`.
import CairnClient
import CairnModel
import CairnRPC

@main
struct Example {
    static func main() async throws {
        let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 4747
        let store = try CairnClient(to: [.hostPort("127.0.0.1", port)])

        // The key goes when the worker stops renewing the lease.
        let lease = try await store.grantLease(duration: .seconds(10))
        try await store.set("workers/1", "here", lease: lease.id)
        try await store.keepAlive(lease.id)

        // The stream's start is fixed when `watch` returns: the write below is delivered.
        let stream = try await store.watch(WatchRequest(range: KeyRange(prefix: "workers/")))
        try await store.expireLease(lease.id)
        for try await case .events(let events) in stream {
            for event in events { print("\(event.key) \(event.kind)") }
            break
        }
        await store.close()
    }
}
