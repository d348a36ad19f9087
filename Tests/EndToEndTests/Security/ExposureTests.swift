import Foundation
import Testing

/// What is warned of because it lets others in.
@Suite("Security: what is open to others")
struct ExposureTests {
    private func warnings(_ options: String...) async throws -> [String] {
        let result = try await CairnBinary.run(["config", "check"] + options)
        #expect(result.status == .code(0), "\(result)")
        return result.errors.split(separator: "\n").map(String.init)
    }

    @Test("an address that others can reach is warned of where nobody is asked, or where TLS is missing")
    func addresses() async throws {
        #expect(try await warnings() == [])
        #expect(try await warnings("--listen", "unix:/tmp/x", "--listen", "[::1]:1") == [])
        let open = try await warnings("--listen", "0.0.0.0:4747")
        #expect(open.first?.contains("anybody who can reach 0.0.0.0:4747 may read and change") == true, "\(open)")
        #expect(open.last?.contains("serve with --tls-cert and --tls-key") == true)
        try await TokensDirectory.with { tokens in
            try await tokens.add("root", "--admin")
            let plain = try await warnings("--listen", "0.0.0.0:4747", "--tokens", tokens.file)
            #expect(plain.count == 1 && plain[0].contains("tokens too"), "\(plain)")
        }
        try await withServer(listen: ["0.0.0.0:0"]) { (cairn) async throws in
            #expect(cairn.process.errors.text.contains("may read and change everything"))
        }
    }

    @Test("files that others may read or change are warned of: secrets for both, others for the latter")
    func modes() async throws {
        try await TokensDirectory.with { tokens in
            try await tokens.add("root", "--admin")
            let secret = tokens.path + "/secret"
            try String(repeating: "s", count: 40).write(toFile: secret, atomically: true, encoding: .utf8)
            let config = tokens.path + "/cairn.yaml"
            try "store: postgres://u:geheim@db/x\n".write(toFile: config, atomically: true, encoding: .utf8)
            func said(tokensMode: Int, secretMode: Int) async throws -> [String] {
                for (path, mode) in [(tokens.file, tokensMode), (secret, secretMode), (config, secretMode)] {
                    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
                }
                return try await warnings("--tokens", tokens.file, "--jwt-key", secret, "--config", config)
            }
            #expect(try await said(tokensMode: 0o644, secretMode: 0o640) == [])
            let readable = try await said(tokensMode: 0o644, secretMode: 0o644)
            #expect(readable.count == 2 && readable.allSatisfy { $0.contains("can be read by others") }, "\(readable)")
            let all = try await said(tokensMode: 0o666, secretMode: 0o666)
            try #require(all.count == 3)
            #expect(all[0].contains("\(tokens.file) can be changed by others, as its mode is 666"))
            #expect(all[1].contains("\(secret) can be read and changed by others"))
        }
    }
}
