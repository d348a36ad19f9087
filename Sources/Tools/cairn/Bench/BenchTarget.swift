import ArgumentParser
import CairnModel
import CairnRPC
import Foundation

/// A server to measure, on the command line: `NAME=KIND:ADDRESS[@PID]`, such as `etcd=etcd:127.0.0.1:2379@4711`.
struct BenchTarget: ExpressibleByArgument, Sendable {
    /// What the server speaks.
    enum Kind: String, Sendable {
        case cairn
        case etcd
    }

    /// What the target is called in the results.
    var name: String
    var kind: Kind
    var address: RPCAddress
    /// The server's process, if it runs on this machine: whose CPU time and memory are read.
    var process: ServerProcess?

    init(name: String, kind: Kind, address: RPCAddress, process: ServerProcess?) {
        self.name = name
        self.kind = kind
        self.address = address
        self.process = process
    }

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
        let place = argument[argument.index(after: equals)...]
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
    }

    /// How to call a server of this kind.
    var peer: any BenchPeer {
        switch kind {
        case .cairn: CairnPeer()
        case .etcd: EtcdPeer()
        }
    }
}
