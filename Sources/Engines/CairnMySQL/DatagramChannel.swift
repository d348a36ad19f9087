internal import CairnModel
package import CairnSQL
internal import Foundation
internal import Glibc
internal import Logging
internal import Synchronization

// How replicas hear of each other's batches on a database that can't tell them: by datagrams from one to all.
//
// A datagram is the store's token and the text of an announcement. The token is a random number that is kept in the
// database, so that replicas of other stores, and whoever has no access to the database, are not listened to. It is a
// hint and no more: whoever hears it reads the database. So nothing is lost when a datagram is, or when an eavesdropper
// who has seen the token sends one of his own; the beat makes up for the former, and the latter costs a look.

/// The random number that datagrams of one store begin with.
struct ChannelToken: Hashable, Sendable {
    static let byteCount = 16
    let bytes: [UInt8]

    init?(bytes: [UInt8]) {
        guard bytes.count == ChannelToken.byteCount else { return nil }
        self.bytes = bytes
    }

    private init(random: inout SystemRandomNumberGenerator) {
        bytes = (0..<ChannelToken.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    static func random() -> ChannelToken {
        var generator = SystemRandomNumberGenerator()
        return ChannelToken(random: &generator)
    }
}

/// Sends announcements as datagrams to the other replicas, and hears theirs.
package final class DatagramChannel: AnnouncementChannel {
    /// Where others send to.
    package let address: String
    private let token: ChannelToken
    private let logger: Logger
    private let receiver: Descriptor
    private let senderV4: Descriptor?
    private let senderV6: Descriptor?
    /// A byte here wakes the thread.
    private let wakeReader: Descriptor
    private let wakeWriter: Descriptor
    private let ended = DispatchSemaphore(value: 0)
    private let state = Mutex(State())

    private struct State {
        var isStarted = false
        var isStopped = false
        /// Addresses that were found before.
        var known: [String: SocketAddress] = [:]
        /// What waits for its address to be found, which may take a while.
        var unresolved: [(address: String, datagram: [UInt8])] = []
    }

    /// The longest announcement that is taken seriously.
    private static let maximumText = 200

    /// Opens the sockets. `announce` is the `HOST:PORT` that others are told; without it, a free port of `defaultHost`.
    init(announce: String?, defaultHost: String, token: ChannelToken, logger: Logger) throws(StoreError) {
        self.token = token
        self.logger = logger
        let wanted =
            try announce.map { (text) throws(StoreError) in try MySQLURL.host(Substring(text), defaultPort: nil) }
            ?? MySQLURL.Host(name: defaultHost, port: 0)
        receiver = try DatagramChannel.bind(wanted)
        guard let bound = SocketAddress(of: receiver.number) else {
            throw StoreError(.storageFailed, "the socket for announcements has no address")
        }
        let name = wanted.name.contains(":") ? "[\(wanted.name)]" : wanted.name
        address = "\(name):\(bound.port)"
        senderV4 = Descriptor(socket: AF_INET)
        senderV6 = Descriptor(socket: AF_INET6)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw StoreError(.storageFailed, "there is no pipe to be had: \(String(cString: strerror(errno)))")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        wakeReader = Descriptor(ends[0])
        wakeWriter = Descriptor(ends[1])
    }

    /// Binds a socket to the address that others are told; or, where that is another host's who passes things on, to
    /// the port alone.
    private static func bind(_ wanted: MySQLURL.Host) throws(StoreError) -> Descriptor {
        guard let address = SocketAddress.resolve(wanted.name, port: wanted.port, onlyDigits: false) else {
            throw StoreError(
                .invalidURL,
                "announcements can't be heard at \(wanted.name): there is no such host; change announce in the URL")
        }
        var reason: Int32 = 0
        let wildcard = address.family == AF_INET6 ? "::" : "0.0.0.0"
        for name in [wanted.name, wildcard] {
            guard let address = SocketAddress.resolve(name, port: wanted.port, onlyDigits: false),
                let socket = Descriptor(socket: address.family)
            else { continue }
            if address.withPointer({ Glibc.bind(socket.number, $0, $1) }) == 0 { return socket }
            reason = errno
            if reason != EADDRNOTAVAIL { break }
        }
        throw StoreError(
            .unsuitableHome,
            """
            announcements can't be heard at \(wanted.name):\(wanted.port): \(String(cString: strerror(reason))); \
            name another announce=HOST:PORT in the URL
            """, nativeCode: reason)
    }

    /// Calls `hear` with the text of each announcement, on a thread of the channel, until ``stop()``.
    package func start(_ hear: @escaping @Sendable (String) -> Void) {
        let isFirst = state.withLock { state in
            defer { state.isStarted = true }
            return !state.isStarted && !state.isStopped
        }
        guard isFirst else { return }
        Thread.detachNewThread { [self] in
            Thread.current.name = "cairn-announce"
            run(hear)
            ended.signal()
        }
    }

    /// Sends to these replicas, except to this one itself. Never waits; what can't be sent is left.
    package func send(_ text: String, to replicas: [Replica]) {
        let datagram = token.bytes + Array(text.utf8)
        var isWaiting = false
        for replica in replicas where replica.address != address && !replica.address.isEmpty {
            if let found = find(replica.address) {
                send(datagram, to: found)
            } else {
                // Finding the address of a name may take a while, so the thread does that.
                isWaiting = true
                state.withLock { state in
                    if state.unresolved.count < 100 { state.unresolved.append((replica.address, datagram)) }
                }
            }
        }
        if isWaiting { wake() }
    }

    /// Ends the channel, and waits until `hear` isn't called any more. Not to be called by `hear`.
    package func stop() {
        let isRunning = state.withLock { state in
            defer { state.isStopped = true }
            return state.isStarted && !state.isStopped
        }
        guard isRunning else { return }
        wake()
        ended.wait()
    }
}

// Sending.
extension DatagramChannel {
    /// The address if it is known, or told by digits.
    private func find(_ address: String) -> SocketAddress? {
        state.withLock { state in
            if let known = state.known[address] { return known }
            guard let found = DatagramChannel.resolve(address, onlyDigits: true) else { return nil }
            DatagramChannel.note(found, for: address, &state)
            return found
        }
    }

    private static func resolve(_ address: String, onlyDigits: Bool) -> SocketAddress? {
        guard let host = try? MySQLURL.host(Substring(address), defaultPort: nil), host.port > 0 else { return nil }
        return SocketAddress.resolve(host.name, port: host.port, onlyDigits: onlyDigits)
    }

    private static func note(_ found: SocketAddress, for address: String, _ state: inout State) {
        // Replicas come and go, and each has a port of its own.
        if state.known.count >= 1_000 { state.known = [:] }
        state.known[address] = found
    }

    private func send(_ datagram: [UInt8], to address: SocketAddress) {
        guard let socket = address.family == AF_INET6 ? senderV6 : senderV4 else { return }
        let sent = address.withPointer { pointer, length in
            sendto(socket.number, datagram, datagram.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL), pointer, length)
        }
        if sent < 0 { logger.debug("an announcement could not be sent", metadata: ["errno": "\(errno)"]) }
    }

    private func wake() {
        // A full pipe has woken the thread already.
        _ = write(wakeWriter.number, [0], 1)
    }
}

// Hearing.
extension DatagramChannel {
    private func run(_ hear: (String) -> Void) {
        while true {
            var waited = [
                pollfd(fd: receiver.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wakeReader.number, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&waited, nfds_t(waited.count), -1)
            if state.withLock(\.isStopped) { return }
            if waited[1].revents != 0 { sendUnresolved() }
            if waited[0].revents != 0 { receive(hear) }
        }
    }

    /// Takes what has come, but no more than some at a time, so that a flood doesn't keep the channel from its end.
    private func receive(_ hear: (String) -> Void) {
        var buffer = [UInt8](repeating: 0, count: ChannelToken.byteCount + DatagramChannel.maximumText + 1)
        for _ in 0..<64 {
            let count = recv(receiver.number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count >= 0 else { return }
            if let text = text(of: buffer[..<count]) { hear(text) }
        }
    }

    /// The announcement in a datagram of this store.
    private func text(of datagram: ArraySlice<UInt8>) -> String? {
        guard datagram.count <= ChannelToken.byteCount + DatagramChannel.maximumText,
            datagram.starts(with: token.bytes)
        else { return nil }
        let text = String(validating: datagram.dropFirst(ChannelToken.byteCount), as: UTF8.self)
        // An empty text would say that announcements were missed.
        guard let text, !text.isEmpty else { return nil }
        return text
    }

    private func sendUnresolved() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(wakeReader.number, &bytes, bytes.count) > 0 {}
        let unresolved = state.withLock { state in
            defer { state.unresolved = [] }
            return state.unresolved
        }
        for (address, datagram) in unresolved {
            guard let found = DatagramChannel.resolve(address, onlyDigits: false) else {
                logger.debug("a replica's address is not known", metadata: ["address": "\(address)"])
                continue
            }
            state.withLock { DatagramChannel.note(found, for: address, &$0) }
            send(datagram, to: found)
        }
    }
}

/// A file descriptor that is closed with its last user.
private final class Descriptor: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    /// A socket for datagrams; `nil` if the system has none of that kind.
    convenience init?(socket family: Int32) {
        let number = Glibc.socket(
            family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard number >= 0 else { return nil }
        self.init(number)
    }

    deinit { Glibc.close(number) }
}
