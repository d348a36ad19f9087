import CairnModel
import CairnRPC
import CairnServer
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// `cairn-baseline URL [HOST:PORT]`: serves sets and gets on a database, with one transaction for each write.
///
/// What Cairn's homes on database servers are measured against: the same gRPC door, another way to store. It prints
/// `listening on ADDRESS` once it serves; SIGTERM and SIGINT stop it.
@main
struct Baseline {
    /// As many connections as etcd's stand-ins on databases commonly open.
    private static let connections = 64

    static func main() async {
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            guard (1...2).contains(arguments.count) else {
                throw StoreError(.invalidArgument, "usage: cairn-baseline postgres://…|mysql://… [HOST:PORT]")
            }
            let address = try address(arguments.count == 2 ? arguments[1] : "127.0.0.1:0")
            try await serve(try database(arguments[0]), on: address)
        } catch {
            FileHandle.standardError.write(Data("cairn-baseline: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func database(_ url: String) throws(StoreError) -> any BaselineDatabase {
        if url.hasPrefix("postgres://") { return PostgresDatabase(url: url) }
        if url.hasPrefix("mysql://") { return try MySQLDatabase(url) }
        throw StoreError(.invalidURL, "the URL must begin with postgres:// or mysql://")
    }

    private static func address(_ text: String) throws(StoreError) -> RPCAddress {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]) else {
            throw StoreError(.invalidArgument, "\"\(text)\" is no address; write HOST:PORT")
        }
        return .hostPort(String(text[..<colon]), port)
    }

    private static func serve(_ database: any BaselineDatabase, on address: RPCAddress) async throws {
        let logger = Logger(label: "cairn-baseline") { StreamLogHandler.standardError(label: $0) }
        try database.prepare()
        let store = BaselineStore(workers: ConnectionWorkers(of: database, count: connections))
        let configuration = CairnServer.Configuration(
            grpc: RPCServerConfiguration(addresses: [address], eventLoops: .shared), limits: store.limits)
        let server = try await CairnServer(store: store, configuration: configuration, logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: AnnouncedServer(server: server))],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        await store.close()
    }
}

/// The server, which says where it listens once signals are heeded.
private struct AnnouncedServer: Service {
    let server: CairnServer

    func run() async throws {
        for address in server.addresses {
            try FileHandle.standardOutput.write(contentsOf: Data("listening on \(address)\n".utf8))
        }
        await server.run()
    }
}
