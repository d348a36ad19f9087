import ArgumentParser
import CairnClient
import CairnModel
import CairnRPC
import Foundation

/// How a command reaches its server, and how it prints.
struct ClientOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The server: HOST:PORT or unix:PATH; several, separated by commas, are tried in turn. \
            (default: CAIRN_ADDRESS, or 127.0.0.1:4747)
            """
        ))
    var address: String?

    @Option(help: "How long a call may take, such as 500ms or 10s.")
    var timeout = DurationArgument(.seconds(10))

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @Flag(help: "Connect with TLS.")
    var tls = false

    @Option(help: ArgumentHelp("Trust the authorities in this PEM file instead of the system's.", valueName: "file"))
    var caCert: String?

    @Option(help: ArgumentHelp("The client's certificate, for a server that asks for one.", valueName: "file"))
    var cert: String?

    @Option(help: ArgumentHelp("The client certificate's private key.", valueName: "file"))
    var key: String?

    @Option(
        help: ArgumentHelp(
            "The name that the server's certificate must carry, if it isn't the host's of --address.",
            valueName: "name"))
    var serverName: String?

    @Option(
        name: .customLong("client-id"),
        help: ArgumentHelp(
            """
            Who you are: carried by the events, and whose locks are yours. (default: who the token is for, or \
            USER@HOST without one)
            """, valueName: "name"))
    var givenClientID: String?

    @Option(
        help: ArgumentHelp(
            "Show the token in this file to the server; - is standard input. (default: CAIRN_TOKEN, or none)",
            valueName: "file"))
    var tokenFile: String?

    /// Whose name the calls are made in. Empty with a token, as the server knows whose that is.
    var clientID: String {
        if let givenClientID { return givenClientID }
        return ClientToken.isGiven(file: tokenFile) ? "" : ClientIdentity.current
    }

    func validate() throws {
        if (cert == nil) != (key == nil) { throw ValidationError("give both --cert and --key, or neither") }
    }

    /// Calls `body` with a client, closes it, and ends the process with the code that the error stands for.
    func run(_ body: (any Store & SnapshotMaker) async throws -> Void) async throws {
        try await runClient { client in try await body(client) }
    }

    /// The same, for what only servers can tell.
    func runClient(_ body: (CairnClient) async throws -> Void) async throws {
        try await reportingErrors {
            let client = try makeClient()
            do {
                try await body(client)
                await client.close()
            } catch {
                await client.close()
                throw error
            }
        }
    }

    private func makeClient() throws -> CairnClient {
        var configuration = CairnClient.Configuration()
        configuration.timeout = timeout.duration
        configuration.clientID = clientID
        configuration.token = try ClientToken.read(file: tokenFile)
        configuration.rpc.userAgent = "cairn-cli"
        configuration.metadata = TraceHeaders.metadata(from: ProcessInfo.processInfo.environment)
        if tls || caCert != nil || cert != nil || serverName != nil {
            var tls = RPCClientTLS(trustRoots: caCert.map { .file($0) }, serverName: serverName)
            tls.certificateChain = cert.map { .file($0) }
            tls.privateKey = key.map { .file($0) }
            configuration.rpc.tls = tls
        }
        return try CairnClient(to: try addresses(), configuration: configuration)
    }

    private func addresses() throws -> [RPCAddress] {
        try AddressArgument.chosen(address).split(separator: ",").map { try AddressArgument.parse(String($0)) }
    }
}
