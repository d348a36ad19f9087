import Foundation
import Testing

/// Client certificates as what shows who calls.
@Suite(
    "Security: certificates", .enabled(if: CairnBinary.isInstalled("openssl"), "openssl makes the certificates"))
struct CertificateIdentityTests {
    /// Makes an authority, and certificates that it has signed; and one of another authority.
    private func makeCertificates(in directory: String) async throws {
        let script = """
            set -e
            cd \(directory)
            key() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }
            for ca in ca otherca; do
              key $ca; openssl req -x509 -new -key $ca.key -days 2 -subj /CN=$ca -out $ca.pem
            done
            sign() { # name, authority, subject, alternative names
              key $1; openssl req -new -key $1.key -subj "$3" -out $1.csr
              printf 'subjectAltName=%s' "$4" > $1.ext
              openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 2 -extfile $1.ext -out $1.pem
            }
            sign server ca /CN=server DNS:localhost,IP:127.0.0.1
            sign web ca /O=job/CN=web DNS:localhost
            sign job ca /CN=x DNS:other,URI:spiffe://job
            sign nobody ca /CN=nobody DNS:nobody
            sign stranger otherca /CN=web DNS:localhost
            """
        let shell = try ChildProcess(["bash", "-c", script])
        guard try await shell.status() == .code(0) else { throw ProcessFailure(shell.errors.text) }
    }

    @Test("who shows a certificate of the right authority is its entry's principal; others are told what is wrong")
    func identities() async throws {
        try await TokensDirectory.with { tokens in
            let directory = tokens.path
            try await makeCertificates(in: directory)
            let token = try await tokens.add("token", "--allow", "=read")
            let before = try String(contentsOfFile: tokens.file, encoding: .utf8)
            try tokens.write(
                before + """
                    - {name: website, certificate: web, permissions: [{prefix: web/, allow: read-write}]}
                    - name: worker
                      certificate: spiffe://job
                      client-id: w
                      permissions: [{prefix: job/, allow: read-write}]

                    """)
            let options =
                tokens.options + [
                    "--tls-cert", "\(directory)/server.pem", "--tls-key", "\(directory)/server.key",
                    "--tls-client-ca", "\(directory)/ca.pem",
                ]
            try await withServer(options: options) { (cairn) async throws in
                func run(
                    _ name: String, _ arguments: String..., environment: [String: String] = [:], ca: String = "ca"
                ) async throws -> CommandResult {
                    try await cairn.run(
                        arguments + [
                            "--ca-cert", "\(directory)/\(ca).pem", "--cert", "\(directory)/\(name).pem", "--key",
                            "\(directory)/\(name).key",
                        ], environment: environment)
                }
                #expect(try await run("web", "set", "web/a", "1").status == .code(0))
                let outside = try await run("web", "set", "job/a", "1")
                #expect(outside.status == .code(8) && outside.errors.contains("\"website\" may not"), "\(outside)")
                #expect(try await run("job", "set", "job/a", "1", "--client-id", "w").status == .code(0))
                #expect(try await run("job", "set", "job/a", "1", "--client-id", "v").status == .code(8))
                let unknown = try await run("nobody", "get", "web/a")
                #expect(unknown.status == .code(8) && unknown.errors.contains("a certificate that it knows"))
                #expect(try await run("nobody", "get", "web/a", environment: token).text == "1")
                // The same name from another authority is nobody's: TLS ends it, and says why.
                let stranger = try await run("stranger", "get", "web/a")
                #expect(stranger.status == .code(5) && stranger.errors.contains("our certificate"), "\(stranger)")
                _ = try await cairn.process.errors.first("the log of the refused handshake") { bytes in
                    let text = String(decoding: bytes, as: UTF8.self)
                    let hasReason = text.contains("not from an authority that is trusted here")
                    return text.contains("a TLS handshake failed") && hasReason ? true : nil
                }
                let server = try await run("web", "get", "web/a", ca: "otherca")
                #expect(server.status == .code(5), "\(server)")
                #expect(server.errors.contains("not from an authority that is trusted"), "\(server)")
                try tokens.write(before)
                try await cairn.reload("tokens and keys reloaded")
                #expect(try await run("web", "get", "web/a").status == .code(8))
            }
        }
    }

    @Test("certificates are read anew on SIGHUP; wrong ones are told, and the old ones stay")
    func renewal() async throws {
        try await withTemporaryDirectory { (directory) async throws in
            try await makeCertificates(in: directory)
            let (certificate, key) = ("\(directory)/served.pem", "\(directory)/served.key")
            func serve(_ name: String) throws {
                for (from, to) in [("\(directory)/\(name).pem", certificate), ("\(directory)/\(name).key", key)] {
                    try Data(contentsOf: URL(fileURLWithPath: from)).write(to: URL(fileURLWithPath: to))
                }
            }
            try serve("server")
            let check = ["config", "check", "--tls-cert", certificate, "--tls-key", key]
            #expect(try await CairnBinary.run(check).status == .code(0))
            try await withServer(options: ["--tls-cert", certificate, "--tls-key", key, "--monitor", "127.0.0.1:0"]) {
                (cairn) async throws in
                func get(_ authority: String) async throws -> CommandResult {
                    try await cairn.run([
                        "status", "--ca-cert", "\(directory)/\(authority).pem", "--server-name", "localhost",
                    ])
                }
                #expect(try await get("ca").status == .code(0))
                try serve("stranger")
                try await cairn.reload("certificates reloaded")
                #expect(try await get("ca").status == .code(5))
                #expect(try await get("otherca").status == .code(0))
                // The key of another.
                try Data(contentsOf: URL(fileURLWithPath: "\(directory)/server.key")).write(
                    to: URL(fileURLWithPath: key))
                let checked = try await CairnBinary.run(check)
                #expect(checked.status == .code(64) && checked.errors.contains(key), "\(checked)")
                try await cairn.reload("what held before holds")
                #expect(try await get("otherca").status == .code(0))
                let alone = try await CairnBinary.run(check + ["--tls-client-ca", "\(directory)/server.pem"])
                #expect(alone.status == .code(64) && alone.errors.contains("CN=ca"), "\(alone)")
            }
        }
    }
}
