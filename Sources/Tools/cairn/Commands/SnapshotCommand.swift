import ArgumentParser
import CairnModel

struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Make and list snapshots of a server's memory: store.",
        discussion: "The server keeps them where `cairn serve --snapshot-to` says.",
        subcommands: [SnapshotCreateCommand.self, SnapshotListCommand.self],
        defaultSubcommand: SnapshotCreateCommand.self)
}

struct SnapshotCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a snapshot now.",
        discussion: "When this ends, what was acknowledged before it began is in the snapshot, and that is kept.")

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in SnapshotLine(try await store.createSnapshot()).print(asJSON: client.json) }
    }
}

struct SnapshotListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the snapshots that are kept, oldest first.")

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            for snapshot in try await store.snapshots() { SnapshotLine(snapshot).print(asJSON: client.json) }
        }
    }
}

/// A snapshot as it is printed.
private struct SnapshotLine: Encodable {
    var name: String
    var time: String
    var headRef: Int64
    var occasion: String
    var encrypted: Bool
    var bytes: Int64

    init(_ snapshot: Snapshot) {
        name = snapshot.name
        time = snapshot.time.text
        headRef = snapshot.headRef.rawValue
        occasion = snapshot.occasion.description
        encrypted = snapshot.isEncrypted
        bytes = snapshot.byteCount
    }

    func print(asJSON: Bool) {
        if asJSON { return JSONLines.print(self) }
        let fields = [name, "ref \(headRef)", "\(bytes) bytes", occasion] + (encrypted ? ["encrypted"] : [])
        Terminal.print(fields.joined(separator: "\t"))
    }
}
