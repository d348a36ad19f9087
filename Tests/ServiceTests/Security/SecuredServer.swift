import CairnClient
import CairnKeyspace
import CairnMemory
import CairnModel
import CairnRPC
import CairnSecurity
import CairnTestSupport
import Logging

@testable import CairnServer

/// A server in this process that lets in who has a token.
struct SecuredServer: Sendable {
    let server: CairnServer
    let store: Keyspace
    let access: AccessControl

    var address: RPCAddress { server.addresses[0] }

    /// A plain gRPC client, and the metadata that shows a token.
    func rpc() throws -> RPCClient { try RPCClient(target: RPCTarget(addresses: [address])) }

    /// Runs `body` with a client that shows the token of a name, or none.
    @discardableResult
    func client<Result>(
        _ name: String?, clientID: String = "", _ body: (CairnClient) async throws -> Result
    ) async throws -> Result {
        var configuration = CairnClient.Configuration()
        configuration.token = name.map { "\($0)-token" }
        configuration.clientID = clientID
        configuration.timeout = .seconds(60)
        let client = try CairnClient(to: [address], configuration: configuration)
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }

    /// The code with which a client with a name's token is refused; `nil` if it isn't.
    func refusal(
        _ name: String?, clientID: String = "", _ body: (CairnClient) async throws -> Void
    ) async throws -> StoreError.Code? {
        do {
            try await client(name, clientID: clientID, body)
            return nil
        } catch let error as StoreError {
            return error.code
        }
    }
}

/// Entries for tests; the token of `x` is `x-token`.
func entry(
    _ name: String, _ rules: [Permissions.Rule] = [], consumers: [String] = [], admin: Bool = false,
    clientID: String? = nil
) -> TokenEntry {
    var entry = TokenEntry(
        name: name, proof: name == TokenEntry.anonymous ? .nothing : .token(TokenHash(of: "\(name)-token")))
    entry.permissions = Permissions(rules, consumers: consumers)
    entry.isAdmin = admin
    entry.clientID = clientID
    return entry
}

/// Runs `body` with a server that knows these entries; none for a server that asks nobody.
func withSecuredServer<Result>(
    _ entries: [TokenEntry]?, admins: Set<String> = [], jwt: JWTVerifier? = nil,
    now: (@Sendable () -> Timestamp)? = nil, _ body: (SecuredServer) async throws -> Result
) async throws -> Result {
    var options = KeyspaceOptions()
    options.clock = ManualClock()
    let store = try await Keyspace.open(options: options) { () throws(StoreError) -> any Engine in MemoryEngine() }
    var configuration = CairnServer.Configuration(
        grpc: RPCServerConfiguration(addresses: [.hostPort("127.0.0.1", 0)]))
    configuration.drainTime = .milliseconds(200)
    let policy = entries.map { AccessPolicy(entries: $0, jwt: jwt) }
    configuration.access =
        now.map { AccessControl(policy: policy, adminClientIDs: admins, now: $0) }
        ?? AccessControl(policy: policy, adminClientIDs: admins)
    let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let server = try await CairnServer(store: store, configuration: configuration, logger: quiet)
    let secured = SecuredServer(server: server, store: store, access: configuration.access)
    let outcome: Swift.Result<Result, any Error>
    do {
        outcome = .success(try await body(secured))
    } catch {
        outcome = .failure(error)
    }
    await server.stop()
    await store.close()
    return try outcome.get()
}
