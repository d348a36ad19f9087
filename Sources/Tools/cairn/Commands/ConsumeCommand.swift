import ArgumentParser
import CairnModel

struct ConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Print events as a named consumer, which goes on where it stopped.",
        discussion: """
            The server keeps the consumer's cursor. Events are acknowledged after they are printed, so that
            after an interruption the last ones may come again, but none is missed. A new consumer starts with
            the oldest event that is kept.
            """)

    @Argument(help: "The consumer's name.")
    var name: String

    @Argument(help: "The prefix of the keys; without one, all of them.")
    var prefix: String = ""

    @Flag(help: "End with the last event that there is now.")
    var untilHead = false

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let cursor = try await store.consumer(name)?.cursor
            let stream = try await store.watch(
                WatchRequest(
                    range: KeyRange(prefix: Key(prefix)), start: .ref(cursor?.next ?? .zero), untilHead: untilHead))
            for try await update in stream {
                switch update {
                case .records, .accesses: break
                case .progress(let ref):
                    // So that the cursor follows the log when other keys are written.
                    if ref > cursor ?? .zero { try await store.acknowledge(name, through: ref) }
                case .events(let events):
                    for event in events {
                        if client.json {
                            JSONLines.print(EventLine(event))
                        } else {
                            Terminal.print(TextLines.line(event))
                        }
                    }
                    if let last = events.last { try await store.acknowledge(name, through: last.ref) }
                }
            }
        }
    }
}
