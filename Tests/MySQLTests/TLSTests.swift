import CairnModel
import CairnSQL
import CairnTestServers
import Foundation
import Testing

@testable import CairnMySQL

@Suite("MySQL: encryption", .needsMariaDB)
struct TLSTests {
    private static let hasOpenSSL = FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")

    /// A key and a certificate of its own for 127.0.0.1, readable for the server's account.
    private static func certificate(in directory: URL, _ name: String) throws -> (certificate: String, key: String) {
        let (certificate, key) = ("\(directory.path)/\(name).pem", "\(directory.path)/\(name).key")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        for path in [certificate, key] {
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        }
        return (certificate, key)
    }

    @Test(
        "encrypted when it should be, and only to whom the certificate names",
        .enabled(if: hasOpenSSL, "needs the openssl command"))
    func encryption() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("cairn-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        defer { try? FileManager.default.removeItem(at: directory) }
        let ours = try Self.certificate(in: directory, "ours")
        let other = try Self.certificate(in: directory, "other")
        let settings = ["ssl_cert": ours.certificate, "ssl_key": ours.key, "require_secure_transport": "ON"]
        try await MariaDBServer.with(settings: settings) { server in
            let url = "mysql://root@127.0.0.1:\(server.port)/mysql"
            func open(_ parameters: String) throws { try MySQLHome(url + parameters).open(.writing).close() }
            try open("?tls=required")
            try open("?tls=verify&ca=\(ours.certificate)")
            // MariaDB says no more than that it denies access.
            let plain = #expect(throws: StoreError.self) { try open("") }
            #expect(plain?.message.contains("tls=") == true)
            let wrong = #expect(throws: StoreError.self) { try open("?tls=verify&ca=\(other.certificate)") }
            #expect(wrong?.code == .unsuitableHome)
            #expect(throws: StoreError.self) { try open("?tls=verify") }
            let wrongName = #expect(throws: StoreError.self) {
                try MySQLHome("mysql://root@localhost:\(server.port)/mysql?tls=verify&ca=\(ours.certificate)")
                    .open(.writing)
            }
            #expect(wrongName?.code == .unsuitableHome)
        }
    }
}
