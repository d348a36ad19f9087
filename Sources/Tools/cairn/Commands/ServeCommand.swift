import ArgumentParser
import CairnSettings

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve a store over gRPC.",
        discussion: """
            Prints `listening on ADDRESS` for each address once it serves. SIGTERM and SIGINT stop it:
            streams end, calls under way finish, and it ends with 0. SIGHUP makes it read its configuration anew.

            Each option can also be set by an environment variable, as in CAIRN_LOG_LEVEL=debug, or by a line of the
            configuration file, as in `log-level: debug`. `cairn config print` shows what holds.
            """)

    @OptionGroup var options: ServeOptions

    func validate() throws { try options.validateFlags() }

    func run() async throws {
        let settings = try options.settings()
        try await reportingErrors { try await ServedStore.serve(settings, from: options.sources) }
    }
}
