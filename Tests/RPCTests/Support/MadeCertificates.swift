import Foundation
import Testing

/// Certificates made for a test with the `openssl` command, in a folder that goes when the test is over.
final class MadeCertificates {
    static let openSSL = ["/usr/bin/openssl", "/bin/openssl", "/usr/local/bin/openssl"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/cairn-certificates-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func certificate(_ name: String) -> String { folder + "/\(name).pem" }
    func key(_ name: String) -> String { folder + "/\(name).key" }

    /// A file of several certificates, one after the other. Returns its path.
    func bundle(_ names: String...) throws -> String {
        let path = folder + "/\(names.joined(separator: "+")).bundle.pem"
        let text = try names.map { try String(contentsOfFile: certificate($0), encoding: .utf8) }.joined()
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// Makes a certificate, signed by the one of another name, or by itself. `names` are its alternative names.
    func make(
        _ name: String, signedBy issuer: String? = nil, names: String = "DNS:localhost,IP:127.0.0.1",
        isAuthority: Bool = false, days: Int = 400
    ) throws {
        try openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key(name))
        let extensions = folder + "/\(name).ext"
        let lines = ["basicConstraints=critical,CA:\(isAuthority ? "TRUE" : "FALSE")", "subjectAltName=\(names)"]
        try lines.joined(separator: "\n").write(toFile: extensions, atomically: true, encoding: .utf8)
        let request = folder + "/\(name).csr"
        try openssl("req", "-new", "-key", key(name), "-subj", "/CN=\(name)", "-out", request)
        let signer =
            issuer.map { ["-CA", certificate($0), "-CAkey", key($0), "-CAcreateserial"] } ?? ["-signkey", key(name)]
        try openssl(
            ["x509", "-req", "-in", request, "-days", "\(days)", "-extfile", extensions, "-out", certificate(name)]
                + signer)
    }

    private func openssl(_ arguments: String...) throws { try openssl(arguments) }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.openSSL))
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl \(arguments.joined(separator: " "))")
    }
}
