import ArgumentParser
import Cairn
import CairnRPC
import CairnServer
import Logging
import ServiceLifecycle
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve a store over gRPC.",
        discussion: """
            Prints `listening on ADDRESS` for each address once it serves. SIGTERM and SIGINT stop it:
            streams end, calls under way finish, and it ends with 0.
            """)

    @Option(help: ArgumentHelp("The store: memory:, sqlite:PATH, postgres://… or mysql://….", valueName: "url"))
    var store = "sqlite:./cairn.db"

    @Option(help: ArgumentHelp("A read replica of the store's database, for stale reads.", valueName: "url"))
    var readReplica: String?

    @Option(
        help: ArgumentHelp(
            "Where to listen: HOST:PORT or unix:PATH; port 0 takes a free one. May be repeated.", valueName: "address"))
    var listen = [AddressArgument.standard]

    @Option(help: ArgumentHelp("Keep at most this many events in the log.", valueName: "n"))
    var retainEvents: Int?

    @Option(help: ArgumentHelp("Keep events for this long, such as 30d.", valueName: "duration"))
    var retainFor: DurationArgument?

    @OptionGroup(title: "Snapshots of memory:") var snapshots: SnapshotArguments

    @Option(help: ArgumentHelp("Serve with TLS: the certificate and its issuers, as PEM.", valueName: "file"))
    var tlsCert: String?

    @Option(help: ArgumentHelp("The certificate's private key, as PEM.", valueName: "file"))
    var tlsKey: String?

    @Option(help: ArgumentHelp("Ask clients for a certificate of these authorities, as PEM.", valueName: "file"))
    var tlsClientCA: String?

    @Option(help: ArgumentHelp("The threads that serve connections. (default: one for each core)", valueName: "n"))
    var threads: Int?

    @Option(
        help: ArgumentHelp("How long calls under way may take to end when the server stops.", valueName: "duration"))
    var drainTime = DurationArgument(.seconds(10))

    @Option(
        help: ArgumentHelp("What to log: trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel = "info"

    func validate() throws {
        if Logger.Level(rawValue: logLevel) == nil { throw ValidationError("there is no log level \"\(logLevel)\"") }
        if (tlsCert == nil) != (tlsKey == nil) {
            throw ValidationError("give both --tls-cert and --tls-key, or neither")
        }
        if tlsClientCA != nil, tlsCert == nil {
            throw ValidationError("--tls-client-ca needs --tls-cert and --tls-key")
        }
        if let threads, !(1...1_024).contains(threads) { throw ValidationError("--threads must be 1 to 1024") }
        if let retainEvents, retainEvents < 1 { throw ValidationError("--retain-events must be 1 at least") }
    }

    func run() async throws {
        try await reportingErrors {
            var logger = Logger(label: "cairn") { StreamLogHandler.standardError(label: $0) }
            logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
            let addresses = try listen.map { (text) throws(StoreError) in try AddressArgument.parse(text) }
            var options = KeyspaceOptions()
            options.logger = logger
            options.retention = Retention(maxEvents: retainEvents, maxAge: retainFor?.duration)
            let loops = threads.map { RPCEventLoops(count: $0) } ?? .shared
            options.gatherAnswers = { loops.gathering($0) }
            let opened = try await snapshots.openStore(store, readReplica: readReplica, options: options)
            do {
                try await serve(opened, on: addresses, loops: loops, logger: logger)
            } catch {
                // The snapshotter has logged what it could not keep.
                try? await opened.close()
                throw error
            }
            try await opened.close()
        }
    }

    private func serve(
        _ opened: ServedStore, on addresses: [RPCAddress], loops: RPCEventLoops, logger: Logger
    ) async throws {
        var grpc = RPCServerConfiguration(addresses: addresses, eventLoops: loops)
        if let tlsCert, let tlsKey {
            grpc.tls = RPCServerTLS(
                certificateChain: .file(tlsCert), privateKey: .file(tlsKey),
                clientTrustRoots: tlsClientCA.map { .file($0) })
        }
        var configuration = CairnServer.Configuration(grpc: grpc, limits: opened.store.limits)
        configuration.snapshots = opened.snapshotted?.snapshots
        configuration.drainTime = drainTime.duration
        let server = try await CairnServer(store: opened.store, configuration: configuration, logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: AnnouncedServer(server: server))],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        logger.info("stopped")
    }
}

/// The server, which says where it listens once signals are heeded: who waits for the line may stop it right after.
private struct AnnouncedServer: Service, CustomStringConvertible {
    // The log would show every field of it otherwise.
    var description: String { "server" }
    let server: CairnServer

    func run() async throws {
        for address in server.addresses { Terminal.print("listening on \(address)") }
        await server.run()
    }
}
