import CairnClient
import CairnKeyspace
import CairnMemory
import CairnModel
import CairnRPC
import CairnSQLite
import CairnSecurity
import CairnServer
import CairnTestSupport
import Foundation
import Logging

/// The homes that are served.
enum Home: String, CaseIterable, Sendable {
    case memory
    case sqlite

    /// What each can do.
    var capabilities: Capabilities {
        switch self {
        case .memory: MemoryEngine.capabilities
        case .sqlite: SQLiteEngine.capabilities
        }
    }
}

/// A store behind a server in this process, and how to reach it.
struct ServedStore: Sendable {
    let store: Keyspace
    /// Where its file is, if it has one, and where the server puts backups together.
    let directory: String
    let clock: ManualClock
    let server: CairnServer

    var address: RPCAddress { server.addresses[0] }

    var port: Int {
        if case .hostPort(_, let port) = address { port } else { 0 }
    }

    /// A plain gRPC client, for calls that ``CairnClient`` would not make.
    func rpc() throws -> RPCClient { try RPCClient(target: RPCTarget(addresses: [address])) }
}

/// Runs `body` with a fresh store behind a server, and a client of it, both on `loops`. Server and store count in the
/// same registry.
func withServedStore<Result>(
    _ home: Home = .memory, loops: RPCEventLoops = .shared, access: AccessControl = AccessControl(),
    store configureStore: (inout KeyspaceOptions) -> Void = { _ in },
    server configureServer: (inout CairnServer.Configuration, Keyspace) -> Void = { _, _ in },
    through makeAddress: (ServedStore) throws -> RPCAddress = { $0.address },
    client configure: (inout CairnClient.Configuration) -> Void = { _ in },
    _ body: (ServedStore, CairnClient) async throws -> Result
) async throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("cairn-service-\(UUID().uuidString)")
        .path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let clock = ManualClock()
    var options = KeyspaceOptions()
    options.clock = clock
    let metrics = MetricRegistry()
    options.metrics = metrics
    configureStore(&options)
    let store = try await Keyspace.open(options: options) { () throws(StoreError) -> any Engine in
        switch home {
        case .memory: MemoryEngine()
        case .sqlite: try SQLiteEngine(path: directory + "/cairn.db")
        }
    }
    metrics.beforeReading { store.sampleMetrics() }
    let grpc = RPCServerConfiguration(addresses: [.hostPort("127.0.0.1", 0)], eventLoops: loops)
    var configuration = CairnServer.Configuration(grpc: grpc, limits: store.limits)
    configuration.drainTime = .milliseconds(200)
    configuration.backupDirectory = directory
    configuration.access = access
    configuration.metrics = metrics
    configureServer(&configuration, store)
    let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let server = try await CairnServer(store: store, configuration: configuration, logger: quiet)
    let served = ServedStore(store: store, directory: directory, clock: clock, server: server)
    var clientConfiguration = CairnClient.Configuration()
    clientConfiguration.timeout = .seconds(60)
    clientConfiguration.rpc.eventLoops = loops
    configure(&clientConfiguration)
    let outcome: Swift.Result<Result, any Error>
    do {
        let client = try await CairnClient.connect(to: [try makeAddress(served)], configuration: clientConfiguration)
        do {
            outcome = .success(try await body(served, client))
        } catch {
            outcome = .failure(error)
        }
        await client.close()
    } catch {
        outcome = .failure(error)
    }
    await server.stop()
    await store.close()
    return try outcome.get()
}
