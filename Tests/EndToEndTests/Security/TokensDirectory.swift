import Foundation

/// A directory with a file of tokens, and the tokens of which it has the hashes.
struct TokensDirectory: Sendable {
    let path: String

    var file: String { path + "/tokens.yaml" }
    var options: [String] { ["--tokens", file] }

    /// Has `cairn token create` make a token, and puts its entry into the file. Returns the environment that shows it.
    @discardableResult
    func add(_ name: String, _ options: String...) async throws -> [String: String] {
        let token = path + "/\(name).token"
        let made = try await CairnBinary.run(["token", "create", name, "--out", token] + options)
        guard made.status == .code(0) else { throw ProcessFailure("\(made)") }
        let before = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        try (before + made.text).write(toFile: file, atomically: true, encoding: .utf8)
        return ["CAIRN_TOKEN": try String(contentsOfFile: token, encoding: .utf8)]
    }

    /// Replaces what is in the file.
    func write(_ text: String) throws { try text.write(toFile: file, atomically: true, encoding: .utf8) }

    /// Runs `body` with a new one.
    static func with<Result>(_ body: (TokensDirectory) async throws -> Result) async throws -> Result {
        try await withTemporaryDirectory { try await body(TokensDirectory(path: $0)) }
    }
}

extension ServerProcess {
    /// Sends SIGHUP, and waits until the server has said `words` so many times in all.
    func reload(_ words: String = "configuration reloaded", times: Int = 1) async throws {
        process.signal(SIGHUP)
        _ = try await process.errors.first(words) { bytes in
            String(decoding: bytes, as: UTF8.self).components(separatedBy: words).count > times ? true : nil
        }
    }
}
