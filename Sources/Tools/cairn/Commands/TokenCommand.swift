import ArgumentParser
import Cairn
import CairnModel
import CairnSecurity
import Foundation

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make tokens for the file of `cairn serve --tokens`.",
        subcommands: [TokenCreateCommand.self, TokenHashCommand.self])
}

struct TokenCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a random token, and the entry for the file of tokens.",
        discussion: """
            Prints the token, which nobody can print again, and the entry, which has only its hash. Add the entry to the
            file, and send the server SIGHUP. With --out the token goes to a file, and the entry alone is printed:

              cairn token create web --allow web/=read-write --out web.token >> tokens.yaml
            """)

    @Argument(help: "Whose token it is.")
    var name: String

    @Option(
        help: ArgumentHelp(
            "Allow the keys that start with PREFIX: ACCESS is read, write or read-write. May be repeated.",
            valueName: "prefix=access"))
    var allow: [PermissionArgument] = []

    @Option(
        help: ArgumentHelp("Allow consumers whose names start with this. May be repeated.", valueName: "prefix"))
    var consumer: [String] = []

    @Flag(help: "Allow everything, also what is for those who run the server.")
    var admin = false

    @Option(
        help: ArgumentHelp(
            "When it shall no longer be good: a time such as 2030-01-31T12:00:00Z, or after a duration such as 30d.",
            valueName: "time"))
    var expires: ExpiryArgument?

    @Option(
        name: .customLong("client-id"),
        help: ArgumentHelp("The one client id that calls with the token may have.", valueName: "name"))
    var clientID: String?

    @Option(help: ArgumentHelp("Write the token to this new file, for its owner alone.", valueName: "file"))
    var out: String?

    @Flag(help: "Print one JSON object: name, token, hash and entry.")
    var json = false

    private struct Line: Encodable {
        var name: String
        var token: String?
        var hash: String
        var entry: String
    }

    func validate() throws {
        let limit = Limits.standard.nameBytes
        for (what, text) in [("the name", name), ("the client id", clientID ?? "-")] {
            guard (1...limit).contains(text.utf8.count) else {
                throw ValidationError("\(what) must have 1 to \(limit) bytes")
            }
        }
        if name == TokenEntry.anonymous {
            throw ValidationError("\"anonymous\" is for calls without a token; write its entry by hand")
        }
    }

    func run() async throws {
        let token = NewToken.random()
        var entry = TokenEntry(name: name, proof: .token(TokenHash(of: token)))
        entry.isAdmin = admin
        entry.clientID = clientID
        entry.expires = expires?.time(after: SystemClock().now())
        let yaml = entry.yaml(rules: allow.map(\.rule), consumers: consumer)
        try await reportingErrors {
            if let out { try TokenCreateCommand.write(token, to: out) }
        }
        if json {
            JSONLines.print(
                Line(name: name, token: out == nil ? token : nil, hash: TokenHash(of: token).hex, entry: yaml))
        } else if out == nil {
            Terminal.print("The token, shown this once:\n\n\(token)\n\nThe entry for the file of tokens:\n\n\(yaml)")
        } else {
            Terminal.write(Array(yaml.utf8))
        }
    }

    private static func write(_ token: String, to path: String) throws(StoreError) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw StoreError(.invalidArgument, "can't make \(path): \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data((token + "\n").utf8))
        } catch {
            throw StoreError(.storageFailed, "can't write \(path): \(error.localizedDescription)")
        }
    }
}

struct TokenHashCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash", abstract: "Print the hash of the token on standard input.",
        discussion: "It is what `hash:` says in the file of tokens. Spaces and line ends around the token don't count.")

    func run() async throws {
        let text = String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        try await reportingErrors {
            guard !text.isEmpty else { throw StoreError(.invalidArgument, "there is no token on standard input") }
            Terminal.print(TokenHash(of: text).hex)
        }
    }
}

/// A permission on the command line: `PREFIX=ACCESS`; the last `=` counts.
struct PermissionArgument: ExpressibleByArgument {
    let rule: Permissions.Rule

    init?(argument: String) {
        guard let equals = argument.lastIndex(of: "="),
            let access = Permissions.Access(rawValue: String(argument[argument.index(after: equals)...]))
        else { return nil }
        rule = Permissions.Rule(Key(String(argument[..<equals])), access)
    }
}

/// When something ends, on the command line: a time, or a duration from now.
enum ExpiryArgument: ExpressibleByArgument {
    case at(Timestamp)
    case after(Duration)

    init?(argument: String) {
        if let time = RFC3339.time(of: argument) {
            self = .at(time)
        } else if let duration = DurationArgument(argument: argument)?.duration, duration > .zero {
            self = .after(duration)
        } else {
            return nil
        }
    }

    /// The time that is meant.
    func time(after now: Timestamp) -> Timestamp {
        switch self {
        case .at(let time): time
        case .after(let duration): now + duration
        }
    }
}
