internal import CairnModel
internal import CairnProtocol
internal import Foundation
internal import SwiftProtobuf
internal import Synchronization

/// The clients that have given a server their name, when they were seen, and how often.
///
/// Nobody has to register: a client is known by the name that its requests carry. Calls without a name, the fast path,
/// cost nothing here. When more than ``capacity`` names are known, a quarter of them is forgotten: those that were not
/// seen for longest.
final class ClientRegistry: Sendable {
    /// A client as it is known.
    struct Client: Hashable, Sendable {
        let id: String
        let firstSeen: Timestamp
        var lastSeen: Timestamp
        var calls: Int64 = 1
    }

    private let capacity: Int
    private let now: @Sendable () -> Timestamp
    private let clients = Mutex<[String: Client]>([:])

    /// A registry that knows nobody yet.
    init(
        capacity: Int = 10_000,
        now: @escaping @Sendable () -> Timestamp = {
            Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        }
    ) {
        self.capacity = capacity
        self.now = now
    }

    /// Notes a call of the client with this name; nothing for an empty one.
    func note(_ id: String) {
        if id.isEmpty { return }
        let time = now()
        clients.withLock { clients in
            if let place = clients.index(forKey: id) {
                clients.values[place].calls += 1
                clients.values[place].lastSeen = max(clients.values[place].lastSeen, time)
                return
            }
            if clients.count >= capacity { ClientRegistry.forgetSome(of: &clients) }
            clients[id] = Client(id: id, firstSeen: time, lastSeen: time)
        }
    }

    /// How many clients are remembered.
    var count: Int { clients.withLock { $0.count } }

    /// The clients, the last seen first, at most `limit`.
    func list(limit: Int) -> [Client] {
        let clients = clients.withLock { Array($0.values) }
        return Array(clients.sorted { ($1.lastSeen, $0.id) < ($0.lastSeen, $1.id) }.prefix(limit))
    }

    private static func forgetSome(of clients: inout [String: Client]) {
        let byLastSeen = clients.values.sorted { $0.lastSeen < $1.lastSeen }
        for client in byLastSeen.prefix(clients.count / 4 + 1) { clients[client.id] = nil }
    }
}

extension ClientRegistry.Client {
    /// The client as a message.
    var wire: Cairn_V1_Client {
        .with {
            $0.id = id
            $0.firstSeenUs = firstSeen.rawValue
            $0.lastSeenUs = lastSeen.rawValue
            $0.calls = calls
        }
    }
}
