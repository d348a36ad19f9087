import ArgumentParser
import CairnModel

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Print what a key was, newest first.",
        discussion: """
            Prints version, ref, time, kind, client and value of each state, as far as the log keeps them and the \
            server tells them. "cairn get --revision" prints one of them. To forget what was, compact the log.
            """)

    @Argument(help: "The key.")
    var key: String

    @Option(help: ArgumentHelp("Print at most so many.", valueName: "n"))
    var limit: Int?

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            var left = limit ?? .max
            var request = HistoryRequest(Key(key), limit: limit, clientID: client.clientID)
            var isEmpty = true
            repeat {
                let page = try await store.history(request)
                for revision in page.revisions { show(revision) }
                if !page.revisions.isEmpty { isEmpty = false }
                left -= page.revisions.count
                request.page = page.next
                request.limit = limit == nil ? nil : left
                if page.next == nil, !page.isWhole {
                    Terminal.complain("what was before is not kept, or not told")
                }
            } while request.page != nil && left > 0
            if isEmpty { throw StoreError.keyNotFound(Key(key)) }
        }
    }

    private func show(_ revision: KeyRevision) {
        if client.json { return JSONLines.print(RevisionLine(revision)) }
        let record = revision.record
        var fields = [
            "v\(record.version)", record.updatedRef.description, revision.time?.text ?? "-",
            revision.kind?.description ?? "-", revision.clientID.flatMap { $0.isEmpty ? nil : $0 } ?? "-",
        ]
        if record.isLive { fields.append(TextLines.printable(record.value.content)) }
        Terminal.print(fields.joined(separator: "\t"))
    }
}
