import ArgumentParser
import CairnClient
import CairnModel
import Foundation

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Watch a server's rates, latencies, watches and hottest keys live.",
        discussion: """
            Rates and latencies are those since the frame before; in the first, since the server started. Keys are \
            shown if the server counts their use (--key-metrics, or pruning), and you may read all of them.
            """)

    @Option(help: "How long a frame stands.")
    var interval = DurationArgument(.seconds(1))

    @Option(help: ArgumentHelp("How many of the hottest keys to show, at most 100; 0 for none.", valueName: "n"))
    var keys = 10

    @Flag(help: "Print one frame and end.")
    var once = false

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if interval.duration < .milliseconds(100) { throw ValidationError("--interval must be 100ms at least") }
        if !(0...100).contains(keys) { throw ValidationError("--keys must be from 0 to 100") }
        if client.json { throw ValidationError("top prints frames for people; `cairn stats --json` has the figures") }
    }

    func run() async throws {
        try await client.runClient { client in
            var earlier: ServerStats?
            repeat {
                let stats = try await client.serverStats()
                show(TopFrame(stats, since: earlier, hottest: try await hottest(client)))
                earlier = stats
                if !once { try await Task.sleep(for: interval.duration) }
            } while !once
        }
    }

    /// Nothing where they are not counted, or not for the caller.
    private func hottest(_ client: CairnClient) async throws -> [HotKey]? {
        if keys == 0 { return nil }
        do {
            return try await client.hottestKeys(limit: keys)
        } catch {
            if [.unsupported, .permissionMissing].contains(error.code) { return nil }
            throw error
        }
    }

    private func show(_ frame: TopFrame) {
        let size = Terminal.size
        let lines = frame.lines(width: size.columns)
        guard Terminal.isInteractive, !once else { return Terminal.print(lines.joined(separator: "\n")) }
        // Home, each line cleared to its end, and then what is below: so nothing flickers.
        let shown = lines.prefix(size.rows - 1).map { $0 + "\u{1B}[K\n" }.joined()
        Terminal.write(Array(("\u{1B}[H" + shown + "\u{1B}[J").utf8))
    }
}
