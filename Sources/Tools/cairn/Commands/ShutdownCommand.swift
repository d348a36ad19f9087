import ArgumentParser
import CairnClient

struct ShutdownCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shutdown", abstract: "Stop a server, as SIGTERM does.",
        discussion: """
            Streams end at once, calls under way finish, and the server's process ends with 0. This returns when the \
            server has begun to stop. Only admins may do it.
            """)

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.runClient { client in try await client.shutdownServer() }
    }
}
