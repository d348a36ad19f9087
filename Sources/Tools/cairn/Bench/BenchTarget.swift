import ArgumentParser
import CairnModel
import CairnRPC
import Foundation

/// A server to measure, on the command line: `NAME=KIND:ADDRESS[@PID][,OPTION=VALUE…]`, such as
/// `etcd=etcd:127.0.0.1:2379@4711`.
struct BenchTarget: ExpressibleByArgument, Sendable {
    /// What the server speaks.
    enum Kind: String, Sendable {
        case cairn
        case etcd
        case redis
    }

    /// What the target is called in the results.
    var name: String
    var kind: Kind
    var address: RPCAddress
    /// The server's process, if it runs on this machine: whose CPU time and memory are read.
    var process: ServerProcess?
    /// The process of the database server below it (`database=PID`), whose CPU time is read, with that of the processes
    /// it has started.
    var database: ServerProcess?
    /// Another replica of the same store (`watch=ADDRESS`), where the workload `watch` watches.
    var watchAddress: RPCAddress?

    init(name: String, kind: Kind, address: RPCAddress, process: ServerProcess?) {
        self.name = name
        self.kind = kind
        self.address = address
        self.process = process
    }

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
        let parts = argument[argument.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false)
        let place = parts[0]
        guard let colon = place.firstIndex(of: ":"), let kind = Kind(rawValue: String(place[..<colon])) else {
            return nil
        }
        var address = place[place.index(after: colon)...]
        if let at = address.lastIndex(of: "@") {
            guard let pid = Int32(address[address.index(after: at)...]), pid > 0 else { return nil }
            process = ServerProcess(pid: pid)
            address = address[..<at]
        }
        guard let parsed = try? AddressArgument.parse(String(address)) else { return nil }
        name = String(argument[..<equals])
        self.kind = kind
        self.address = parsed
        for option in parts.dropFirst() {
            guard take(option) else { return nil }
        }
    }

    /// Takes an option; returns whether there is such a one.
    private mutating func take(_ option: Substring) -> Bool {
        guard let equals = option.firstIndex(of: "=") else { return false }
        let value = String(option[option.index(after: equals)...])
        switch option[..<equals] {
        case "database":
            database = Int32(value).map { ServerProcess(pid: $0) }
            return database != nil
        case "watch":
            watchAddress = try? AddressArgument.parse(value)
            return watchAddress != nil
        default: return false
        }
    }

    /// How many connections a number of clients needs: one each where a connection has one call under way at a time.
    func connections(_ wanted: Int, forClients clients: Int) -> Int { kind == .redis ? clients : wanted }

    /// A connection to a server of this kind.
    func connect(to address: RPCAddress, on loop: RPCEventLoops) async throws -> any BenchPeer {
        guard kind != .redis else { return try await RedisPeer(to: address, on: loop) }
        var configuration = RPCClientConfiguration(eventLoops: loop)
        configuration.userAgent = "cairn-bench"
        let client = try RPCClient(target: RPCTarget(addresses: [address]), configuration: configuration)
        return kind == .etcd ? EtcdPeer(client: client) : CairnPeer(client: client)
    }
}
