import ArgumentParser
import CairnClient
import CairnModel

struct ReadOnlyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "readonly", abstract: "Let a server refuse writes, or take them again.",
        discussion: """
            While writes are refused they fail with READ_ONLY; reads, watches and expiry go on. The server forgets it \
            when it ends: then its setting `read-only` counts. Only admins may do this; status is for everybody.
            """)

    enum Wish: String, ExpressibleByArgument, CaseIterable {
        case on
        case off
        case status
    }

    @Argument(help: "on, off, or status to see how it is.")
    var wish: Wish

    @OptionGroup var client: ClientOptions

    private struct Line: Encodable {
        var readOnly: Bool
    }

    func run() async throws {
        try await client.runClient { client in
            let isReadOnly: Bool
            switch wish {
            case .on, .off:
                isReadOnly = wish == .on
                try await client.setReadOnly(isReadOnly)
            case .status: isReadOnly = try await client.serverStats().isReadOnly
            }
            if self.client.json {
                JSONLines.print(Line(readOnly: isReadOnly))
            } else {
                Terminal.print(isReadOnly ? "read-only: writes are refused" : "writes are taken")
            }
        }
    }
}
