internal import CairnModel
internal import CairnProtocol
internal import Foundation
internal import SwiftProtobuf
internal import Synchronization

/// The clients that have given a server their name, when they were seen, and how often.
///
/// Nobody has to register: a client is known by the name that its requests carry. Calls without a name, the fast path,
/// cost nothing here. Who wasn't seen for ``memory`` is forgotten. When more than ``capacity`` names are known, or
/// their bytes are more than ``byteCapacity``, a quarter of them is forgotten: those that were not seen for longest. So
/// all that are known always fit into one answer.
final class ClientRegistry: Sendable {
    /// A client as it is known.
    struct Client: Hashable, Sendable {
        let id: String
        let firstSeen: Timestamp
        var lastSeen: Timestamp
        var calls: Int64 = 1
    }

    private struct State {
        var clients: [String: Client] = [:]
        /// Of the names.
        var bytes = 0
        /// When old names are looked for next.
        var nextLook: Timestamp?

        mutating func forget(_ id: String) {
            if clients.removeValue(forKey: id) != nil { bytes -= id.utf8.count }
        }

        mutating func forgetOld(now: Timestamp) {
            if let nextLook, now < nextLook, nextLook < now + ClientRegistry.memory { return }
            nextLook = now + ClientRegistry.lookPause
            for id in clients.values.filter({ $0.lastSeen + ClientRegistry.memory < now }).map(\.id) { forget(id) }
        }

        mutating func forgetSome() {
            let byLastSeen = clients.values.sorted { $0.lastSeen < $1.lastSeen }
            for client in byLastSeen.prefix(clients.count / 4 + 1) { forget(client.id) }
        }
    }

    /// How long a client is remembered that isn't seen: a day.
    static let memory = Duration.seconds(86_400)
    /// How often old names are looked for: every ten minutes at most.
    private static let lookPause = Duration.seconds(600)

    private let capacity: Int
    private let byteCapacity: Int
    private let now: @Sendable () -> Timestamp
    private let state = Mutex(State())

    /// A registry that knows nobody yet.
    init(
        capacity: Int = 10_000, byteCapacity: Int = 1 << 20,
        now: @escaping @Sendable () -> Timestamp = {
            Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        }
    ) {
        self.capacity = capacity
        self.byteCapacity = byteCapacity
        self.now = now
    }

    /// Notes a call of the client with this name; nothing for an empty one. How long a name may be is for who calls to
    /// see to.
    func note(_ id: String) {
        if id.isEmpty { return }
        let time = now()
        state.withLock { state in
            if let place = state.clients.index(forKey: id) {
                state.clients.values[place].calls += 1
                state.clients.values[place].lastSeen = max(state.clients.values[place].lastSeen, time)
                return
            }
            state.forgetOld(now: time)
            while !state.clients.isEmpty,
                state.clients.count >= capacity || state.bytes + id.utf8.count > byteCapacity
            {
                state.forgetSome()
            }
            state.clients[id] = Client(id: id, firstSeen: time, lastSeen: time)
            state.bytes += id.utf8.count
        }
    }

    /// How many clients are remembered.
    var count: Int {
        let time = now()
        return state.withLock { state in
            state.forgetOld(now: time)
            return state.clients.count
        }
    }

    /// The clients, the last seen first, at most `limit`.
    func list(limit: Int) -> [Client] {
        let time = now()
        let clients = state.withLock { state in
            state.forgetOld(now: time)
            return Array(state.clients.values)
        }
        return Array(clients.sorted { ($1.lastSeen, $0.id) < ($0.lastSeen, $1.id) }.prefix(limit))
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
