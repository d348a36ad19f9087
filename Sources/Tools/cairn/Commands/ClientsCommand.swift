import ArgumentParser
import CairnClient
import CairnModel

struct ClientsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clients", abstract: "List the clients that have told a server their --client-id.",
        discussion: """
            Prints the last seen first: when they were first and last seen, how many reads, lists, writes and locks \
            they have asked for, and their names. The server remembers ten thousand of them, until it ends.
            """)

    @Option(help: ArgumentHelp("List at most so many.", valueName: "n"))
    var limit: Int?

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.runClient { client in
            for known in try await client.knownClients(limit: limit) {
                let line = ClientLine(known)
                if self.client.json {
                    JSONLines.print(line)
                } else {
                    let name = TextLines.printable(Array(line.clientID.utf8))
                    Terminal.print("\(line.firstSeen)\t\(line.lastSeen)\t\(line.calls)\t\(name)")
                }
            }
        }
    }
}

/// A client as JSON.
private struct ClientLine: Encodable {
    var clientID: String
    var firstSeen: String
    var lastSeen: String
    var calls: Int64

    init(_ client: KnownClient) {
        clientID = client.id
        firstSeen = client.firstSeen.text
        lastSeen = client.lastSeen.text
        calls = client.calls
    }
}
