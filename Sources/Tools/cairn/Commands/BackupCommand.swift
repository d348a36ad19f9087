import ArgumentParser
import CairnModel

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the server's store to a file here, while it is in use.",
        discussion: "The file can be served as it is: cairn serve --store sqlite:FILE.")

    @Argument(help: "The file, which must not exist.")
    var file: String

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            try await store.backup(toFile: file)
            if !client.json { Terminal.print("backup written to \(file)") }
        }
    }
}
