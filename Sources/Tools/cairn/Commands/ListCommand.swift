import ArgumentParser
import CairnModel
import Foundation

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the keys that start with a prefix, in bytewise order.",
        discussion: """
            Prints one key a line; without a prefix, all of them. No character of the prefix is a wildcard; --glob and \
            --regex choose among the keys that start with it.
            """)

    @Argument(help: "The prefix.")
    var prefix: String = ""

    @Flag(help: "Print each key's value after a tab.")
    var values = false

    @Flag(help: "Leave the values out of the JSON.")
    var keysOnly = false

    @Option(
        help: ArgumentHelp("Roll up keys more than this many levels below the prefix, counted by /.", valueName: "n"))
    var depth: Int?

    @Option(help: ArgumentHelp("Print at most this many entries, and how to go on.", valueName: "n"))
    var limit: Int?

    @Option(help: ArgumentHelp("Go on where a list with a limit ended.", valueName: "token"))
    var page: String?

    @Option(
        help: ArgumentHelp(
            "Only keys that match this in whole: * and ? match no /, ** does; [a-z] and {one,two} as in a shell.",
            valueName: "pattern"))
    var glob: String?

    @Option(
        help: ArgumentHelp(
            "Only keys in which this matches somewhere: a regular expression in RE2's syntax.", valueName: "pattern"))
    var regex: String?

    @Option(help: ArgumentHelp("List what was there right after this event.", valueName: "ref"))
    var asOf: Int64?

    @Flag(help: "Let a read replica of the server's database answer, which may be a little behind.")
    var stale = false

    @OptionGroup var client: ClientOptions

    func validate() throws {
        if glob != nil, regex != nil { throw ValidationError("give one of --glob and --regex") }
    }

    func run() async throws {
        try await client.run { store in
            var request = ListRequest(
                prefix: Key(prefix), depth: depth, keysOnly: keysOnly || (!client.json && !values), limit: limit,
                consistency: stale ? .stale : .linearizable,
                pattern: glob.map(KeyPattern.glob) ?? regex.map(KeyPattern.regex), asOf: asOf.map { Ref($0) })
            if let page {
                guard let bytes = Data(base64Encoded: page) else {
                    throw StoreError(.invalidArgument, "\"\(page)\" is not a page that a list has printed")
                }
                request.page = Key(bytes: Array(bytes))
            }
            var left = limit ?? .max
            repeat {
                request.limit = limit == nil ? nil : left
                let page = try await store.list(request)
                for entry in page.entries { show(entry) }
                left -= page.entries.count
                request.page = page.next
            } while request.page != nil && left > 0
            if let next = request.page {
                let token = Data(next.bytes).base64EncodedString()
                Terminal.complain("there is more: go on with --page \(token)")
            }
        }
    }

    private func show(_ entry: ListPage.Entry) {
        switch entry {
        case .record(let record) where client.json: JSONLines.print(RecordLine(record, withValue: !keysOnly))
        case .record(let record): Terminal.print(TextLines.line(record, withValue: values))
        case .directory(let key) where client.json: JSONLines.print(DirectoryLine(key))
        case .directory(let key): Terminal.print(Terminal.styled(TextLines.printable(key.bytes), .cyan))
        }
    }
}
