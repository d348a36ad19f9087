import CairnRPC
import Foundation
import SwiftProtobuf
import Testing

/// Certificates made for a test with the `openssl` command, in a folder that goes when the test is over.
private final class Certificates {
    static let openSSL = ["/usr/bin/openssl", "/bin/openssl", "/usr/local/bin/openssl"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/cairn-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["server", "client", "stranger"] {
            try run(
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-keyout", key(name), "-out", certificate(name), "-subj", "/CN=\(name)",
                "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func certificate(_ name: String) -> String { folder + "/\(name).pem" }
    func key(_ name: String) -> String { folder + "/\(name).key" }

    private func run(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.openSSL))
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }
}

@Suite(
    "TLS", .enabled(if: Certificates.openSSL != nil, "the openssl command makes the certificates"),
    .timeLimit(.minutes(10)))
struct TLSTests {
    @Test("calls work over TLS") func tls() async throws {
        let files = try Certificates()
        let tls = RPCServerTLS(
            certificateChain: .file(files.certificate("server")), privateKey: .file(files.key("server")))
        try await withServer(echoRouter(), configure: { $0.tls = tls }) { server in
            let trusting = RPCClientTLS(trustRoots: .file(files.certificate("server")), serverName: "localhost")
            try await withClient(server.addresses, configure: { $0.tls = trusting }) { client in
                let echoed = try await client.unary("t.Echo/Unary", Text("secret"), as: Text.self)
                #expect(echoed.value == "secret")
            }
            let distrusting = RPCClientTLS(trustRoots: .file(files.certificate("stranger")), serverName: "localhost")
            for tls in [distrusting, nil] {
                try await withClient(server.addresses, configure: { $0.tls = tls }) { client in
                    let error = await failure { _ = try await client.unary("t.Echo/Unary", Text("x"), as: Text.self) }
                    #expect(error?.code == .unavailable)
                    #expect(error?.wasNotProcessed == true)
                }
            }
        }
    }

    @Test("mTLS asks for a trusted certificate and shows it to handlers") func mutualTLS() async throws {
        let files = try Certificates()
        let tls = RPCServerTLS(
            certificateChain: .file(files.certificate("server")), privateKey: .file(files.key("server")),
            clientTrustRoots: .file(files.certificate("client")))
        var router = RPCRouter()
        router.unary("t.T/Certificate") { (_: Text, context: RPCContext) async throws -> Number in
            Number(Int64(context.peerCertificate?.count ?? -1))
        }
        try await withServer(router, configure: { $0.tls = tls }) { server in
            for (name, isWelcome) in [("client", true), ("stranger", false), (nil, false)] {
                var mine = RPCClientTLS(trustRoots: .file(files.certificate("server")), serverName: "localhost")
                if let name {
                    mine.certificateChain = .file(files.certificate(name))
                    mine.privateKey = .file(files.key(name))
                }
                let tls = mine
                try await withClient(server.addresses, configure: { $0.tls = tls }) { client in
                    let error = await failure {
                        let size = try await client.unary("t.T/Certificate", Text(""), as: Number.self)
                        #expect(size.value > 100)
                    }
                    #expect((error == nil) == isWelcome)
                }
            }
        }
    }

    @Test("unusable certificates and keys are named") func badFiles() async throws {
        let files = try Certificates()
        let missing = files.folder + "/missing.pem"
        for tls in [
            RPCServerTLS(certificateChain: .file(missing), privateKey: .file(files.key("server"))),
            RPCServerTLS(certificateChain: .file(files.certificate("server")), privateKey: .file(missing)),
        ] {
            let error = await #expect(throws: RPCSetupError.self) {
                try await withServer(echoRouter(), configure: { $0.tls = tls }) { _ in }
            }
            #expect(error?.description.contains(missing) == true)
        }
    }
}
