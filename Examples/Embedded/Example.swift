// A store inside a program: open it, write, read, watch, close it.
import Cairn

@main
struct Example {
    static func main() async throws {
        let url = CommandLine.arguments.dropFirst().first ?? "memory:"
        let store = try await openStore(url)

        // Every write returns what it wrote.
        let record = try await store.set("jobs/1/state", "queued")
        print("jobs/1/state is at version \(record.version), event \(record.updatedRef)")

        // A write that only happens if nobody else was faster.
        try await store.set("jobs/1/state", "running", if: .version(.equal, record.version))
        do {
            try await store.set("jobs/1/state", "running", if: .version(.equal, record.version))
        } catch {
            print("as expected: \(error.code.rawValue)")
        }

        // Several keys, all or nothing.
        _ = try await store.commitChecked(
            Transaction(
                if: [Condition("jobs/1/state", .value(.equal, "running"))],
                then: [.set("jobs/1/state", "done"), .set("jobs/1/result", "42"), .delete("jobs/1/lock")]))

        // Everything that happened to the keys, from the first event to the last.
        let events = try await store.watch(
            WatchRequest(range: KeyRange(prefix: "jobs/1/"), start: .ref(1), untilHead: true))
        for try await case .events(let events) in events {
            for event in events {
                print("\(event.ref) \(event.kind) \(event.key) \(event.value?.text ?? "")")
            }
        }
        await store.close()
    }
}
