import ArgumentParser
import CairnClient
import Foundation

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Watch a server's rates, latencies and watches live.",
        discussion: "Rates and latencies are those since the frame before; in the first, since the server started.")

    @Option(help: "How long a frame stands.")
    var interval = DurationArgument(.seconds(1))

    @Flag(help: "Print one frame and end.")
    var once = false

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if interval.duration < .milliseconds(100) { throw ValidationError("--interval must be 100ms at least") }
        if client.json { throw ValidationError("top prints frames for people; `cairn stats --json` has the figures") }
    }

    func run() async throws {
        try await client.runClient { client in
            var earlier: ServerStats?
            repeat {
                let stats = try await client.serverStats()
                show(TopFrame(stats, since: earlier))
                earlier = stats
                if !once { try await Task.sleep(for: interval.duration) }
            } while !once
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
