import Crypto
import Foundation
import Testing

/// Tokens and permissions, with the built binary on both sides.
@Suite("Security: tokens")
struct TokenTests {
    @Test("every refusal has its reason and the exit code 8; nothing is told of keys that may not be read")
    func refusals() async throws {
        try await TokensDirectory.with { tokens in
            let web = try await tokens.add("web", "--allow", "web/=read-write", "--allow", "config/=read")
            let root = try await tokens.add("root", "--admin")
            let old = try await tokens.add("old", "--allow", "=read", "--expires", "2020-01-01T00:00:00Z")
            try await withServer(options: tokens.options) { (cairn) async throws in
                func expect(
                    _ words: String, _ environment: [String: String], _ arguments: String...,
                    line: Testing.SourceLocation = #_sourceLocation
                ) async throws {
                    let result = try await cairn.run(arguments, environment: environment)
                    #expect(
                        result.status == .code(8) && result.errors.contains(words), "\(result)", sourceLocation: line)
                    #expect(result.output.isEmpty, sourceLocation: line)
                }
                try await expect(
                    "this server wants a token: give one with CAIRN_TOKEN or --token-file", [:], "get", "a")
                try await expect("the token is not accepted", ["CAIRN_TOKEN": "cairn_x"], "get", "web/a")
                try await expect("\"old\" expired at 2020-01-01T00:00:00Z", old, "get", "a")
                #expect(try await cairn("set", "secret/a", "1", environment: root).status == .code(0))
                #expect(try await cairn("set", "web/a", "1", environment: web).status == .code(0))
                #expect(try await cairn("get", "web/a", environment: web).text == "1")
                try await expect("\"web\" may not write key \"config/a\"", web, "set", "config/a", "1")
                try await expect("\"web\" may not read every key", web, "list")
                try await expect("\"web\" may not read every key that starts with \"secret/\"", web, "watch", "secret/")
                let there = try await cairn("get", "secret/a", environment: web)
                let notThere = try await cairn("get", "secret/b", environment: web)
                #expect(there.status == .code(8) && notThere.status == .code(8))
                #expect(there.errors.replacing("secret/a", with: "") == notThere.errors.replacing("secret/b", with: ""))
                try await expect("\"web\" may not do this: it is for admins", web, "backup", tokens.path + "/copy")
                try await expect("it is for admins", web, "compact", "1")
                try await expect("it is for admins", web, "shutdown")
                // The file is as good as the variable, and goes before it.
                let file = try await cairn(
                    "get", "web/a", "--token-file", tokens.path + "/web.token", environment: ["CAIRN_TOKEN": "wrong"])
                #expect(file.text == "1")
                let input = try await cairn(
                    "get", "web/a", "--token-file", "-", input: Array((web["CAIRN_TOKEN"] ?? "").utf8))
                #expect(input.text == "1")
                let missing = try await cairn("get", "web/a", "--token-file", tokens.path + "/none")
                #expect(missing.status == .code(1) && missing.errors.contains("none can't be read"), "\(missing)")
                // Whose token it is, is who writes; nobody says in whose name it was without it.
                let events = try await cairn(
                    "watch", "web/", "--from", "0", "--until-head", "--json", environment: web
                ).objects()
                #expect(events.map { $0.text("clientID") } == ["web"])
            }
        }
    }

    @Test("SIGHUP adds and removes tokens; an open watch ends with its token; a wrong file changes nothing")
    func reload() async throws {
        try await TokensDirectory.with { tokens in
            let first = try await tokens.add("first", "--allow", "=read-write")
            try await withServer(options: tokens.options) { (cairn) async throws in
                let watch = try ChildProcess(
                    [CairnBinary.path, "watch", "a", "--current", "--json"],
                    environment: ["CAIRN_ADDRESS": cairn.address].merging(first) { $1 })
                #expect(try await cairn("set", "a", "1", environment: first).status == .code(0))
                _ = try await watch.output.lines(atLeast: 1)

                try tokens.write("- name: second\n  hsh: 1\n")
                try await cairn.reload("configuration not reloaded")
                #expect(
                    cairn.process.errors.text.contains("tokens.yaml:2: there is no \"hsh\" in an entry; did you mean"))
                #expect(try await cairn("get", "a", environment: first).text == "1", "it is as it was")

                try tokens.write("")
                let second = try await tokens.add("second", "--allow", "=read-write")
                try await cairn.reload("tokens and keys reloaded")
                let refused = try await cairn("get", "a", environment: first)
                #expect(refused.status == .code(8) && refused.errors.contains("doesn't know it"), "\(refused)")
                #expect(try await cairn("set", "a", "2", environment: second).status == .code(0))
                #expect(try await watch.status() == .code(8))
                let words = "the call ends, as it would be refused by now: the token is not accepted"
                #expect(watch.errors.text.contains(words), "\(watch.errors.text)")
            }
        }
    }

    @Test("anonymous calls may do what the file says; a token that is wrong isn't as good as none")
    func anonymous() async throws {
        try await TokensDirectory.with { tokens in
            try tokens.write("- {name: anonymous, permissions: [{prefix: public/, allow: read-write}]}\n")
            try await withServer(options: tokens.options) { (cairn) async throws in
                try await cairn.must("set", "public/a", "1")
                let refused = try await cairn("get", "private")
                #expect(refused.status == .code(8) && refused.errors.contains("a call without a token may not"))
                #expect(try await cairn("get", "public/a", environment: ["CAIRN_TOKEN": "x"]).status == .code(8))
            }
        }
    }

    @Test("on a unix socket tokens are asked for as anywhere")
    func unixSocket() async throws {
        try await TokensDirectory.with { tokens in
            let web = try await tokens.add("web", "--allow", "=read-write")
            try await withServer(listen: ["unix:\(tokens.path)/s"], options: tokens.options) { (cairn) async throws in
                #expect(try await cairn("get", "a").status == .code(8))
                #expect(try await cairn("set", "a", "1", environment: web).status == .code(0))
                #expect(!cairn.process.errors.text.contains("--tls-cert"))
            }
            try await withServer(listen: ["0.0.0.0:0"], options: tokens.options) { (cairn) async throws in
                _ = try await cairn.process.errors.first("the warning") { bytes in
                    String(decoding: bytes, as: UTF8.self).contains("serve with --tls-cert and --tls-key") ? true : nil
                }
            }
        }
    }

    @Test("locks belong to the client id that a token has, whatever others say")
    func locks() async throws {
        try await TokensDirectory.with { tokens in
            let job = try await tokens.add("job", "--allow", "=read-write", "--client-id", "job-1")
            let web = try await tokens.add("web", "--allow", "=read-write")
            try await withServer(options: tokens.options) { (cairn) async throws in
                let lock = try await cairn("lock", "a", "60s", "--create-if-missing", "--json", environment: job)
                #expect(try lock.object().text("owner") == "job-1")
                let stolen = try await cairn("unlock", "a", "--client-id", "job-1", environment: web)
                #expect(stolen.status == .code(8) && stolen.errors.contains("belongs to another"), "\(stolen)")
                #expect(try await cairn("unlock", "a", environment: web).status == .code(7))
                let other = try await cairn("unlock", "a", "--client-id", "x", environment: job)
                #expect(other.status == .code(8) && other.errors.contains("calls as client \"job-1\""), "\(other)")
                #expect(try await cairn("unlock", "a", environment: job).status == .code(0))
            }
        }
    }

    @Test("a JSON Web Token is as good as its signature and claims, from the right issuer for the right audience")
    func jsonWebTokens() async throws {
        try await withTemporaryDirectory { directory in
            let secret = "0123456789abcdef0123456789abcdef"
            let file = directory + "/secret"
            try (secret + "\n").write(toFile: file, atomically: true, encoding: .utf8)
            func token(
                _ claims: String, header: String = #"{"alg":"HS256"}"#, secret: String = secret
            ) -> [String: String] {
                let start = [header, claims].map { base64URL(Data($0.utf8)) }.joined(separator: ".")
                let key = SymmetricKey(data: Data(secret.utf8))
                let code = Data(HMAC<SHA256>.authenticationCode(for: Data(start.utf8), using: key))
                return ["CAIRN_TOKEN": start + "." + base64URL(code)]
            }
            let rights = #""cairn":{"permissions":[{"prefix":"web/","allow":"read-write"}]}"#
            let good = token(#"{"sub":"web","iss":"us","aud":"cairn","exp":4102444800,\#(rights)}"#)
            let options = ["--jwt-key", file, "--jwt-issuer", "us", "--jwt-audience", "cairn"]
            try await withServer(options: options) { (cairn) async throws in
                for _ in 0..<2 { #expect(try await cairn("set", "web/a", "1", environment: good).status == .code(0)) }
                #expect(try await cairn("get", "b", environment: good).status == .code(8))
                let wrong: [([String: String], String)] = [
                    (token(#"{"sub":"web","iss":"us","aud":"cairn","exp":1000,\#(rights)}"#), "expired at 1970"),
                    (token(#"{"sub":"web","iss":"x","aud":"cairn","exp":4102444800,\#(rights)}"#), "isn't from"),
                    (token(#"{"sub":"web","iss":"us","exp":4102444800,\#(rights)}"#), "isn't for"),
                    (
                        token(#"{"sub":"web","iss":"us","aud":"cairn","exp":4102444800}"#, header: #"{"alg":"none"}"#),
                        "no key for its algorithm"
                    ),
                    (
                        token(#"{"sub":"web","iss":"us","aud":"cairn","exp":4102444800}"#, secret: "another"),
                        "signature"
                    ),
                    (token(#"{"sub":"web","iss":"us","aud":"cairn","exp":4102444800}"#), "may not read key"),
                ]
                for (environment, words) in wrong {
                    let result = try await cairn("get", "web/a", environment: environment)
                    #expect(result.status == .code(8) && result.errors.contains(words), "\(result)")
                }
                let events = try await cairn(
                    "watch", "web/", "--from", "0", "--until-head", "--json", environment: good
                ).objects()
                #expect(events.first?.text("clientID") == "jwt:web")
                // Another secret takes the place of the first.
                try String(secret.reversed()).write(toFile: file, atomically: true, encoding: .utf8)
                try await cairn.reload("tokens and keys reloaded")
                #expect(try await cairn("get", "web/a", environment: good).status == .code(8))
            }
        }
    }

    private func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    @Test("token create and token hash tell the same hash; the token is shown once, or kept for its owner alone")
    func create() async throws {
        try await TokensDirectory.with { tokens in
            let made = try await CairnBinary.run(["token", "create", "web", "--allow", "a=b=read", "--json"]).object()
            let token = made.text("token") ?? ""
            let hash = try await CairnBinary.run(["token", "hash"], input: Array("\(token)\n".utf8))
            #expect(hash.lines == [made.text("hash")] && token.hasPrefix("cairn_"))
            #expect(made.text("entry")?.contains("prefix: \"a=b\"") == true)
            let shown = try await CairnBinary.run(["token", "create", "web"])
            #expect(shown.lines.count { $0.hasPrefix("cairn_") } == 1 && shown.text.contains("- name: \"web\""))
            try await tokens.add("job", "--expires", "30d")
            let attributes = try FileManager.default.attributesOfItem(atPath: tokens.path + "/job.token")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            let again = try await CairnBinary.run(["token", "create", "job", "--out", tokens.path + "/job.token"])
            #expect(again.status == .code(1) && again.errors.contains("File exists"), "\(again)")
            for wrong in [["--allow", "a"], ["--allow", "a=all"], ["--expires", "soon"]] {
                #expect(try await CairnBinary.run(["token", "create", "web"] + wrong).status == .code(64), "\(wrong)")
            }
            #expect(try await CairnBinary.run(["token", "create", "anonymous"]).status == .code(64))
            #expect(try await CairnBinary.run(["token", "hash"]).errors.contains("no token on standard input"))
        }
    }

    @Test("a wrong file of tokens or keys stops the server from starting, and config check tells of it")
    func wrongFiles() async throws {
        try await TokensDirectory.with { tokens in
            try tokens.write("- name: web\n  allow: all\n")
            let key = tokens.path + "/key"
            try "short".write(toFile: key, atomically: true, encoding: .utf8)
            let options = tokens.options + ["--jwt-key", key]
            for command in [["config", "check"], ["serve", "--store", "memory:", "--listen", "127.0.0.1:0"]] {
                let result = try await CairnBinary.run(command + options)
                #expect(result.status == .code(64) && result.output.isEmpty, "\(result)")
                #expect(result.errors.contains("tokens.yaml:2: there is no \"allow\" in an entry"), "\(result)")
                #expect(result.errors.contains("is a secret of 5 bytes; it needs 32 at least"), "\(result)")
            }
            let missing = try await CairnBinary.run(["config", "check", "--tokens", tokens.path + "/none"])
            #expect(missing.status == .code(64) && missing.errors.contains("/none can't be read"), "\(missing)")
            let half = try await CairnBinary.run(["config", "check", "--jwt-issuer", "us"])
            #expect(half.status == .code(64) && half.errors.contains("need --jwt-key"), "\(half)")
        }
    }
}
