import ArgumentParser
import CairnModel

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show where the log begins and ends.")

    @OptionGroup var client: ClientOptions

    private struct Line: Encodable {
        var headRef: Int64
        var oldestRef: Int64
        var time: String
        var home: String
    }

    func run() async throws {
        try await client.run { store in
            let status = try await store.status()
            if client.json {
                JSONLines.print(
                    Line(
                        headRef: status.headRef.rawValue, oldestRef: status.oldestRef.rawValue, time: status.time.text,
                        home: status.home))
            } else {
                Terminal.print("home \(status.home), last event \(status.headRef), oldest kept \(status.oldestRef)")
            }
        }
    }
}
