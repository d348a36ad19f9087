import Foundation
import NIOCore
import SwiftProtobuf
import Synchronization
import Testing

@testable import CairnRPC

/// Certificates that end, are renewed, or are signed by an authority that isn't a root.
@Suite(
    "TLS: the life of certificates", .enabled(if: MadeCertificates.openSSL != nil, "openssl makes the certificates"),
    .timeLimit(.minutes(5)))
struct CertificateLifeTests {
    /// A server's certificate, a root and an intermediate authority of clients, and a client of each.
    private func makeAll() throws -> MadeCertificates {
        let files = try MadeCertificates()
        try files.make("server")
        try files.make("root", names: "DNS:root", isAuthority: true)
        try files.make("middle", signedBy: "root", names: "DNS:middle", isAuthority: true)
        try files.make("client", signedBy: "root", names: "DNS:client")
        try files.make("branch", signedBy: "middle", names: "DNS:branch")
        return files
    }

    private func tls(_ files: MadeCertificates, clients: String?) -> RPCServerTLS {
        RPCServerTLS(
            certificateChain: .file(files.certificate("server")), privateKey: .file(files.key("server")),
            clientTrustRoots: clients.map { .file($0) })
    }

    private func clientTLS(_ files: MadeCertificates, _ name: String?, chain: String? = nil) -> RPCClientTLS {
        var tls = RPCClientTLS(trustRoots: .file(files.certificate("server")), serverName: "localhost")
        if let name {
            tls.certificateChain = .file(chain ?? files.certificate(name))
            tls.privateKey = .file(files.key(name))
        }
        return tls
    }

    private func echo(_ server: RPCServer, _ tls: RPCClientTLS) async throws -> RPCError? {
        try await withClient(server.addresses, configure: { $0.tls = tls }) { (client) async throws in
            await failure { _ = try await client.unary("t.Echo/Unary", Text("x"), as: Text.self) }
        }
    }

    private static let python = ["/usr/bin/python3", "/usr/local/bin/python3"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Connects twice with Python's TLS, the second time with the session of the first, in TLS 1.2 and 1.3. Says for
    /// each whether the session was resumed.
    private static let resumption = """
        import socket, ssl, sys
        port, ca, cert, key = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = context.maximum_version = version
            context.load_verify_locations(ca)
            context.load_cert_chain(cert, key)
            context.set_alpn_protocols(["h2"])
            session, resumed = None, None
            for attempt in range(2):
                plain = socket.create_connection(("127.0.0.1", port))
                with context.wrap_socket(plain, server_hostname="localhost", session=session) as secure:
                    secure.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
                    secure.recv(1)
                    session, resumed = secure.session, secure.session_reused
            print(resumed)
        """

    @Test(
        "a session is not resumed where clients show certificates, so each connection's is looked at",
        .enabled(if: python != nil, "Python makes the connections"))
    func noResumption() async throws {
        let files = try makeAll()
        for (clients, expected) in [(nil, ["True", "True"]), (files.certificate("root"), ["False", "False"])] {
            try await withServer(echoRouter(), configure: { $0.tls = tls(files, clients: clients) }) {
                (server) async throws in
                guard case .hostPort(_, let port) = server.addresses[0] else { return }
                let arguments = [
                    "-c", Self.resumption, "\(port)", files.certificate("server"), files.certificate("client"),
                    files.key("client"),
                ]
                let lines = try await blocking { () throws -> [String] in
                    let process = Process()
                    process.executableURL = URL(fileURLWithPath: Self.python ?? "")
                    process.arguments = arguments
                    let output = Pipe()
                    process.standardOutput = output
                    try process.run()
                    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                    process.waitUntilExit()
                    return text.split(separator: "\n").map(String.init)
                }
                #expect(lines == expected, "with client certificates: \(clients != nil)")
            }
        }
    }

    @Test("a connection ends when the certificate of its client does, and a stream on it is told why")
    func ends() async throws {
        let files = try makeAll()
        let own = RPCServerTLS(
            certificateChain: .file(files.certificate("client")), privateKey: .file(files.key("client")))
        let end = try ServedTLS(own).expires
        let time = Mutex(end)
        let begun = Mutex(false)
        var router = echoRouter()
        router.serverStreaming("t.T/Forever") {
            (_: Text, responses: RPCResponseWriter<Text>, _: RPCContext) async throws in
            try await responses.write(Text("begun"))
            try await Task.sleep(for: .seconds(3600))
        }
        try await withServer(
            router,
            configure: {
                $0.tls = tls(files, clients: files.certificate("root"))
                $0.wallClock = { time.withLock { $0 } }
            }
        ) { (server) async throws in
            try await withClient(server.addresses, configure: { $0.tls = clientTLS(files, "client") }) {
                (client) async throws in
                let stream: RPCResponseStream<Text> = try client.serverStreaming("t.T/Forever", Text(""))
                let error = await failure {
                    for try await _ in stream {
                        begun.withLock { $0 = true }
                        time.withLock { $0 = end + 1 }
                    }
                }
                #expect(begun.withLock { $0 })
                #expect(error?.code == .unauthenticated && error?.message.contains("certificate expired at") == true)
            }
            // A handshake that BoringSSL has nothing against comes to nothing, too.
            #expect(try await echo(server, clientTLS(files, "client"))?.code == .unavailable)
        }
    }

    @Test("an intermediate authority without its root is refused in words; with it, its clients are let in")
    func intermediates() async throws {
        let files = try makeAll()
        let alone = tls(files, clients: files.certificate("middle"))
        let refusal = await #expect(throws: RPCSetupError.self) {
            try await withServer(echoRouter(), configure: { $0.tls = alone }) { _ in }
        }
        let words = refusal?.description ?? ""
        #expect(words.contains("CN=middle") && words.contains("CN=root") && words.contains(files.certificate("middle")))
        #expect(alone.findings(now: 0).problems == [words])
        let whole = try files.bundle("middle", "root")
        try await withServer(echoRouter(), configure: { $0.tls = tls(files, clients: whole) }) {
            (server) async throws in
            #expect(try await echo(server, clientTLS(files, "branch")) == nil)
            #expect(try await echo(server, clientTLS(files, "client")) == nil)
            #expect(try await echo(server, clientTLS(files, nil)) != nil)
        }
    }

    @Test("certificates are replaced for new connections; wrong ones leave what held before")
    func renewed() async throws {
        let files = try makeAll()
        try files.make("newer")
        try await withServer(echoRouter(), configure: { $0.tls = tls(files, clients: nil) }) { (server) async throws in
            let old = clientTLS(files, nil)
            var trusting = old
            trusting.trustRoots = .file(files.certificate("newer"))
            #expect(try await echo(server, trusting) != nil)
            try await withClient(server.addresses, configure: { $0.tls = old }) { (client) async throws in
                #expect(try await client.unary("t.Echo/Unary", Text("1"), as: Text.self).value == "1")
                let newer = RPCServerTLS(
                    certificateChain: .file(files.certificate("newer")), privateKey: .file(files.key("newer")))
                var mixed = newer
                mixed.privateKey = .file(files.key("server"))
                let error = #expect(throws: RPCSetupError.self) { try server.replace(tls: mixed) }
                #expect(error?.description.contains(files.key("server")) == true)
                #expect(try await echo(server, old) == nil)
                try server.replace(tls: newer)
                #expect(try await echo(server, trusting) == nil)
                #expect(try await echo(server, old) != nil)
                // Who is connected goes on.
                #expect(try await client.unary("t.Echo/Unary", Text("2"), as: Text.self).value == "2")
            }
        }
        try await withServer(echoRouter()) { (plain) async throws in
            #expect(throws: RPCSetupError.self) { try plain.replace(tls: tls(files, clients: nil)) }
        }
    }

    @Test("when an authority of clients is taken away, those who are connected must connect anew, and can't")
    func authorityGone() async throws {
        let files = try makeAll()
        try files.make("other", names: "DNS:other", isAuthority: true)
        var router = echoRouter()
        router.serverStreaming("t.T/Forever", endsOnDrain: true) {
            (_: Text, responses: RPCResponseWriter<Text>, _: RPCContext) async throws in
            try await responses.write(Text("begun"))
            try await Task.sleep(for: .seconds(3600))
        }
        let before = tls(files, clients: try files.bundle("root", "other"))
        let after = tls(files, clients: files.certificate("other"))
        try await withServer(router, configure: { $0.tls = before }) { (server) async throws in
            try await withClient(server.addresses, configure: { $0.tls = clientTLS(files, "client") }) {
                (client) async throws in
                let stream: RPCResponseStream<Text> = try client.serverStreaming("t.T/Forever", Text(""))
                let error = await failure {
                    for try await _ in stream {
                        // The same again takes nobody's authority away.
                        try server.replace(tls: before)
                        try server.replace(tls: after)
                    }
                }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains("authorities of client certificates have changed") == true)
            }
            #expect(try await echo(server, clientTLS(files, "client")) != nil)
        }
    }

    @Test("findings tell of everything that is wrong, and of certificates that ended, begin later or end soon")
    func findings() throws {
        let files = try makeAll()
        let end = try ServedTLS(tls(files, clients: nil)).expires
        let whole = tls(files, clients: files.certificate("root"))
        let day: Int64 = 86_400
        let cases: [(Int64, String?)] = [
            (end - 30 * day, nil), (end - 2 * day - 600, "in 2 days"), (end - 600, "in less than a day"),
            (end + 600, "expired at"), (end - 1_000 * day, "isn't good before"),
        ]
        for (now, words) in cases {
            let findings = whole.findings(now: now)
            #expect(findings.problems == [])
            #expect(findings.warnings.count == (words == nil ? 0 : 2), "server and root: \(findings.warnings)")
            #expect(findings.warnings.allSatisfy { $0.contains(words ?? "") && $0.contains("CN=") })
        }
        let wrong = RPCServerTLS(
            certificateChain: .file(files.key("server")), privateKey: .file(files.certificate("server")),
            clientTrustRoots: .file(files.folder + "/none"))
        #expect(wrong.findings(now: end).problems.count == 3)
    }

    @Test("only the name that is given counts, not the address that is connected to")
    func names() async throws {
        let files = try MadeCertificates()
        try files.make("server", names: "DNS:localhost,DNS:*.example.test,IP:127.0.0.1")
        try files.make("named", names: "DNS:named.test")
        func tls(_ name: String) -> RPCServerTLS {
            RPCServerTLS(certificateChain: .file(files.certificate(name)), privateKey: .file(files.key(name)))
        }
        func failure(_ server: RPCServer, of certificate: String, _ name: String?) async throws -> String? {
            let tls = RPCClientTLS(trustRoots: .file(files.certificate(certificate)), serverName: name)
            return try await echo(server, tls)?.message
        }
        try await withServer(echoRouter(), configure: { $0.tls = tls("server") }) { (server) async throws in
            for name in [nil, "127.0.0.1", "localhost", "LOCALHOST.", "a.example.test"] {
                #expect(try await failure(server, of: "server", name) == nil, "\(name ?? "the host")")
            }
            for name in ["other.test", "127.0.0.2", "example.test", "a.b.example.test", ".example.test", "::1", "*"] {
                let words = try await failure(server, of: "server", name)
                #expect(words?.contains("certificate is for another name") == true, "\(name): \(words ?? "none")")
            }
        }
        try await withServer(echoRouter(), configure: { $0.tls = tls("named") }) { (server) async throws in
            #expect(try await failure(server, of: "named", nil)?.contains("it has named.test") == true)
            #expect(try await failure(server, of: "named", "named.test") == nil)
        }
    }

    @Test("a line that anybody can cause is written once in a while, with how many were left out")
    func lines() {
        let limit = LineLimit()
        let start = NIODeadline.uptimeNanoseconds(1 << 40)
        #expect(limit.admit(now: start) == 0)
        for second in 1..<10 { #expect(limit.admit(now: start + .seconds(Int64(second))) == nil) }
        #expect(limit.admit(now: start + .seconds(10)) == 9)
        #expect(limit.admit(now: start + .seconds(20)) == 0)
    }
}
