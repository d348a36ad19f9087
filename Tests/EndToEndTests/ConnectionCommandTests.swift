import Foundation
import Testing

/// How commands reach their server, and what they say when they can't.
@Suite("Commands: connections")
struct ConnectionCommandTests {
    @Test(
        "nobody listens: the address and the cause are named, however short the time",
        arguments: ["1ms", "20ms", "100ms", "300ms", "10s"])
    func nobodyListens(_ timeout: String) async throws {
        let result = try await CairnBinary.run(["get", "a", "--address", "127.0.0.1:1", "--timeout", timeout])
        #expect(result.status == .code(5))
        #expect(result.errors.hasPrefix("cairn: can't connect to 127.0.0.1:1: "), "\(result.errors)")
        #expect(result.errors.contains("cairn serve"), "and what to do: \(result.errors)")
        // With time for an answer it is the operating system's.
        if timeout == "10s" { #expect(result.errors.contains("Connection refused"), "\(result.errors)") }
    }

    @Test("a socket that isn't there is named")
    func noSocket() async throws {
        try await withTemporaryDirectory { directory in
            let result = try await CairnBinary.run(["get", "a", "--address", "unix:\(directory)/none"])
            #expect(result.status == .code(5))
            #expect(result.errors.contains("can't connect to unix:\(directory)/none: No such file"), "\(result.errors)")
        }
        #expect(try await CairnBinary.run(["get", "a", "--address", "unix:"]).errors.contains("unix:PATH"))
    }

    @Test("a value that is too large for a store, and one that is too large for a message, are refused with the limit")
    func messageSize() async throws {
        try await withServer { (cairn) async throws in
            let largest = [UInt8](repeating: 0x61, count: 4 << 20)
            #expect(try await cairn("set", "a", "-", input: largest).status == .code(0))
            #expect(try await cairn("get", "a").output == largest)
            let over = try await cairn("set", "b", "-", input: largest + [0x61])
            #expect(over.status == .code(1))
            #expect(over.errors.contains("\(4 << 20)"), "\(over.errors)")
            let huge = try await cairn("set", "b", "-", input: [UInt8](repeating: 0x61, count: 64 << 20))
            #expect(huge.status == .code(1))
            #expect(huge.errors.contains("limit"), "\(huge.errors)")
            #expect(try await cairn("get", "a").output == largest, "the server goes on")
        }
    }

    @Test("--client-id shows in the events")
    func clientID() async throws {
        try await withServer { (cairn) async throws in
            try await cairn.must("set", "a", "1", "--client-id", "billing")
            try await cairn.must("set", "a", "2")
            try await cairn.must("delete", "a", "--client-id", "janitor")
            try await cairn.must(
                "txn", "--client-id", "importer", input: Array(#"{"then": [{"set": {"key": "b", "value": "x"}}]}"#.utf8)
            )
            let events = try await cairn("watch", "--from", "0", "--until-head", "--json").objects()
            let clients = events.map { $0.text("clientID") ?? "" }
            #expect([clients[0], clients[2], clients[3]] == ["billing", "janitor", "importer"])
            // Unless one says so, it is who runs the command.
            #expect(clients[1].split(separator: "@").count == 2, "\(clients[1])")
        }
    }
}

/// `--tls` and what belongs to it, on both sides.
@Suite("Commands: TLS", .enabled(if: CairnBinary.isInstalled("openssl"), "openssl makes the certificates"))
struct TLSCommandTests {
    /// Makes certificates that are their own authorities.
    private func makeCertificates(in directory: String) async throws {
        let names = ["server": "DNS:localhost,IP:127.0.0.1", "named": "DNS:cairn.test"]
        for name in ["server", "named", "client", "stranger"] {
            let command = try ChildProcess([
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2", "-keyout", "\(directory)/\(name).key", "-out", "\(directory)/\(name).pem",
                "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names[name] ?? "DNS:localhost")",
            ])
            guard try await command.status() == .code(0) else { throw ProcessFailure(command.errors.text) }
        }
    }

    private func withTLSServer(
        _ certificate: String = "server", asksForCertificate: Bool = false,
        _ body: (ServerProcess, String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await makeCertificates(in: directory)
            var options = ["--tls-cert", "\(directory)/\(certificate).pem"]
            options += ["--tls-key", "\(directory)/\(certificate).key"]
            if asksForCertificate { options += ["--tls-client-ca", "\(directory)/client.pem"] }
            try await withServer(options: options) { try await body($0, directory) }
        }
    }

    /// Expects that the server can't be reached, and that the command says why.
    private func expectFailure(_ result: CommandResult, _ cairn: ServerProcess, _ words: String) {
        #expect(result.status == .code(5))
        #expect(result.errors.hasPrefix("cairn: can't connect to \(cairn.address): "), "\(result.errors)")
        #expect(result.errors.contains(words), "\(result.errors)")
    }

    @Test("the authority is given or the system's")
    func authorities() async throws {
        try await withTLSServer { (cairn, directory) async throws in
            try await cairn.must("set", "a", "1", "--ca-cert", "\(directory)/server.pem")
            let wrong = try await cairn("get", "a", "--ca-cert", "\(directory)/stranger.pem")
            expectFailure(wrong, cairn, "not from an authority that is trusted")
            expectFailure(try await cairn("get", "a", "--tls"), cairn, "not from an authority that is trusted")
            let missing = try await cairn("get", "a", "--ca-cert", "\(directory)/none.pem")
            #expect(missing.status == .code(1))
            #expect(missing.errors.contains("\(directory)/none.pem"), "\(missing.errors)")
            #expect(try await cairn("get", "a").status == .code(5), "without TLS there is no answer")
        }
        try await withServer { (cairn) async throws in
            expectFailure(try await cairn("get", "a", "--tls"), cairn, "does not speak TLS")
        }
    }

    @Test("the server's name is the host's, or the one that is given")
    func names() async throws {
        try await withTLSServer("named") { (cairn, directory) async throws in
            let authority = "\(directory)/named.pem"
            let named = try await cairn("set", "a", "1", "--ca-cert", authority, "--server-name", "cairn.test")
            #expect(named.status == .code(0), "\(named)")
            let other = try await cairn("get", "a", "--ca-cert", authority, "--server-name", "other.test")
            expectFailure(other, cairn, "another name")
            expectFailure(try await cairn("get", "a", "--ca-cert", authority), cairn, "another name")
        }
    }

    @Test("a server that asks for a certificate lets in who has one, and tells the others")
    func clientCertificates() async throws {
        try await withTLSServer(asksForCertificate: true) { (cairn, directory) async throws in
            func set(_ name: String?) async throws -> CommandResult {
                let own = name.map { ["--cert", "\(directory)/\($0).pem", "--key", "\(directory)/\($0).key"] } ?? []
                return try await CairnBinary.run(
                    ["set", "a", "1", "--address", cairn.address, "--ca-cert", "\(directory)/server.pem"] + own)
            }
            #expect(try await set("client").status == .code(0))
            expectFailure(try await set(nil), cairn, "client certificate")
            expectFailure(try await set("stranger"), cairn, "our certificate")
            let half = try await cairn("get", "a", "--cert", "\(directory)/client.pem")
            #expect(half.status == .code(64))
            #expect(half.errors.contains("--key"))
        }
    }
}
