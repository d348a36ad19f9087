import CairnClient
import CairnModel
import CairnRPC
import CairnTestSupport
import Foundation
import Synchronization

/// Several real servers on one store. They can be killed, and start again on their addresses.
final class Replicas: Sendable {
    let addresses: [String]
    private let stores: [String]
    private let servers: Mutex<[ServerProcess]>

    private init(_ servers: [ServerProcess], stores: [String]) {
        self.stores = stores
        addresses = servers.map(\.address)
        self.servers = Mutex(servers)
    }

    /// Starts one server for each URL, all at the same time.
    static func start(_ stores: [String]) async throws -> Replicas {
        let servers = try await withThrowingTaskGroup(of: (Int, ServerProcess).self) { group in
            for (number, store) in stores.enumerated() {
                group.addTask { (number, try await Replicas.startOne(store, "127.0.0.1:0")) }
            }
            return try await group.reduce(into: [Int: ServerProcess]()) { $0[$1.0] = $1.1 }
        }
        return Replicas(stores.indices.compactMap { servers[$0] }, stores: stores)
    }

    /// Runs `body` with so many servers on one store, and ends them.
    static func with<Result>(
        _ count: Int, on store: String, _ body: (Replicas) async throws -> Result
    ) async throws -> Result {
        try await with(Array(repeating: store, count: count), body)
    }

    /// Runs `body` with a server for each URL, and ends them.
    static func with<Result>(_ stores: [String], _ body: (Replicas) async throws -> Result) async throws -> Result {
        let replicas = try await start(stores)
        do {
            let result = try await body(replicas)
            try await replicas.kill()
            return result
        } catch {
            // Its words tell more than the test's.
            for server in replicas.servers.withLock({ $0 }) {
                print("replica: \(server.process.errors.text.suffix(2_000))")
            }
            try await replicas.kill()
            throw error
        }
    }

    private static func startOne(_ store: String, _ address: String) async throws -> ServerProcess {
        try await ServerProcess.start(store: store, listen: [address], options: ["--log-level", "info"])
    }

    var count: Int { addresses.count }

    /// The process of a server now.
    func server(_ number: Int) -> ServerProcess { servers.withLock { $0[number] } }

    /// A client that knows all servers, and prefers the one with this number.
    func client(_ number: Int = 0) throws -> CairnClient {
        try client(to: (0..<count).map { (number + $0) % count })
    }

    /// A client of one server alone.
    func client(only number: Int) throws -> CairnClient { try client(to: [number]) }

    private func client(to numbers: [Int]) throws -> CairnClient {
        var configuration = CairnClient.Configuration()
        configuration.attempts = 1_000
        configuration.timeout = .seconds(60)
        return try CairnClient(to: numbers.map { try address($0) }, configuration: configuration)
    }

    private func address(_ number: Int) throws -> RPCAddress {
        let parts = addresses[number].split(separator: ":")
        guard parts.count == 2, let port = Int(parts[1]) else {
            throw ProcessFailure("\(addresses[number]) is no address")
        }
        return .hostPort(String(parts[0]), port)
    }

    /// Kills a server at once and starts it again.
    func crash(_ number: Int) async throws {
        try await server(number).process.killAndWait()
        let next = try await Replicas.startOne(stores[number], addresses[number])
        servers.withLock { $0[number] = next }
    }

    /// Kills all.
    func kill() async throws {
        for server in servers.withLock({ $0 }) { try await server.process.killAndWait() }
    }
}
