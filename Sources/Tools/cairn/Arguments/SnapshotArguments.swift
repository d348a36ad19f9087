import ArgumentParser
import Cairn
import Foundation

/// Where and how a server keeps snapshots of its `memory:` store.
struct SnapshotArguments: ParsableArguments {
    @Option(
        name: .customLong("snapshot-to"),
        help: ArgumentHelp(
            """
            Keep snapshots of memory:, and begin with the newest: file:FOLDER, sqlite:PATH or postgres://…. What is \
            written after the last one is lost in a crash.
            """, valueName: "url"))
    var place: String?

    @Option(
        name: .customLong("snapshot-name"),
        help: ArgumentHelp("Whose snapshots they are, where several servers have theirs. (default: cairn)"))
    var name: String?

    @Option(
        name: .customLong("snapshot-interval"),
        help: ArgumentHelp(
            "How often to make one, if something has changed; 0s for none but the last. (default: 30s)",
            valueName: "duration"))
    var interval: DurationArgument?

    @Option(
        name: .customLong("snapshot-keep"),
        help: ArgumentHelp("How many are kept: the newest. (default: 5)", valueName: "n"))
    var keep: Int?

    @Option(
        name: .customLong("snapshot-key-file"),
        help: ArgumentHelp(
            """
            Encrypt them with the key in this file: 16 or 32 bytes, as they are, in hexadecimal digits or in base64. \
            (default: the environment's CAIRN_SNAPSHOT_KEY, if it is set; else they are not encrypted)
            """, valueName: "file"))
    var keyFile: String?

    @Flag(help: "Begin with an empty store, although there are snapshots.")
    var fresh = false

    func validate() throws {
        if place == nil, name != nil || interval != nil || keep != nil || keyFile != nil || fresh {
            throw ValidationError("--snapshot-name, -interval, -keep, -key-file and --fresh need --snapshot-to")
        }
        if let keep, keep < 1 { throw ValidationError("--snapshot-keep must be 1 at least") }
    }

    /// Opens the store that `url` names, with snapshots if they are asked for.
    func openStore(
        _ url: String, readReplica: String?, options: KeyspaceOptions
    ) async throws(StoreError) -> ServedStore {
        guard let place else {
            return ServedStore(store: try await Cairn.openStore(url, readReplica: readReplica, options: options))
        }
        guard try StoreURL(url).home == .memory, readReplica == nil else {
            throw StoreError(
                .invalidArgument, "--snapshot-to is for --store memory: alone; other stores keep what they hold")
        }
        var snapshots = SnapshotOptions()
        if let name { snapshots.server = name }
        if let interval { snapshots.interval = interval.duration == .zero ? nil : interval.duration }
        if let keep { snapshots.keep = keep }
        snapshots.startsFresh = fresh
        if let keyFile {
            snapshots.key = try SnapshotKey(file: keyFile)
        } else if let text = ProcessInfo.processInfo.environment["CAIRN_SNAPSHOT_KEY"], !text.isEmpty {
            snapshots.key = try SnapshotKey(text: text)
        }
        let opened = try await Cairn.openStore(snapshotsAt: place, snapshots: snapshots, options: options)
        return ServedStore(store: opened.store, snapshotted: opened)
    }
}

/// A store that is served, with what keeps its snapshots.
struct ServedStore: Sendable {
    let store: Keyspace
    var snapshotted: SnapshottedStore?

    /// Closes the store, and makes the last snapshot.
    func close() async throws(StoreError) {
        guard let snapshotted else { return await store.close() }
        try await snapshotted.close()
    }
}
