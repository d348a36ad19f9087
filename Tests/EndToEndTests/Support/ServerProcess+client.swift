import CairnClient
import CairnModel
import CairnRPC

extension ServerProcess {
    /// A client of this server.
    func client(attempts: Int = 5) throws -> CairnClient {
        let parts = address.split(separator: ":")
        guard parts.count == 2, let port = Int(parts[1]) else { throw ProcessFailure("\(address) is no host and port") }
        var configuration = CairnClient.Configuration()
        configuration.attempts = attempts
        configuration.timeout = .seconds(60)
        return try CairnClient(to: [.hostPort(String(parts[0]), port)], configuration: configuration)
    }
}
