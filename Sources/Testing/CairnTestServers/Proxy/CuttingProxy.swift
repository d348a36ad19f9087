internal import Foundation
internal import Glibc
internal import Synchronization

// One thread moves the bytes of all connections, woken by `poll`. It holds the lock whenever it does anything but wait,
// and nothing it does blocks; so what a test asks for is done, under the same lock, when the test's call returns.

/// A TCP proxy on 127.0.0.1 between a client and a server, which cuts connections when told.
///
///     let proxy = try CuttingProxy(to: server.port, seed: 7)
///     proxy.cut(when: "COMMIT", oneIn: 3)
///     // … a client works through proxy.port …
///     #expect(proxy.counts.cuts[.beforeAnswer, default: 0] > 0)
///     proxy.close()
///
/// What it cuts when a pattern passes is decided by the seed, occurrence by occurrence: a client that does the same
/// again is cut at the same places.
public final class CuttingProxy: Sendable {
    /// What has happened so far.
    public struct Counts: Hashable, Sendable {
        /// How many connections have been taken.
        public var connections = 0
        /// How often the pattern has passed.
        public var occurrences = 0
        /// How many connections were cut because of the pattern, by where that was.
        public var cuts: [CutPoint: Int] = [:]
    }

    /// Links are used only under the lock.
    private struct State {
        var target: Int
        var links: [Int: ProxyLink] = [:]
        var nextLink = 0
        var traffic = ProxyTraffic()
        var isRefusing = false
        var isStalled = false
        var isClosed = false
    }

    /// The port on which it listens.
    public let port: Int
    private let seed: UInt64
    private let listener: Int32
    /// Whoever changes the state writes to the second, so that the thread looks at it.
    private let wakers: (reader: Int32, writer: Int32)
    private let state: Mutex<State>

    /// A proxy to a port of 127.0.0.1, on a free port of its own, that lets everything pass.
    public init(to target: Int, seed: UInt64 = 1) throws {
        self.seed = seed
        port = try LoopbackPort.reserve()
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw ServerFailure("no pair of sockets: \(String(cString: strerror(errno)))")
        }
        wakers = (ends[0], ends[1])
        listener = try Sockets.listen(on: port)
        state = Mutex(State(target: target))
        Thread.detachNewThread { [self] in run() }
    }

    /// Where it listens.
    public var host: String { "127.0.0.1" }

    /// What has happened so far.
    public var counts: Counts { state.withLock { $0.traffic.counts } }

    /// How many connections there are now.
    public var liveConnections: Int { state.withLock { $0.links.count } }

    /// Breaks every connection there is, at once and with a reset to both sides. New ones are taken.
    public func cut() {
        change { state in
            for link in state.links.values { link.reset() }
            state.links = [:]
        }
    }

    /// Cuts connections when `pattern` passes from the client to the server.
    ///
    /// It does so at one in `oneIn` of its occurrences, `limit` times at most, each time at one of `points`. Where the
    /// answer matters, `answer` is what it contains: by default it is whatever the server says next, which may still be
    /// the answer to something that the client sent before. Replaces an earlier rule; the seed begins anew.
    public func cut(
        when pattern: String, at points: [CutPoint] = CutPoint.allCases, oneIn: Int = 1, atMost limit: Int = .max,
        answer: String? = nil
    ) {
        change { [seed] state in
            state.traffic.rule = CutRule(
                pattern: Array(pattern.utf8), points: points, oneIn: oneIn, left: limit,
                answer: answer.map { Array($0.utf8) }, seed: seed)
            for link in state.links.values { link.forgetPatterns() }
        }
    }

    /// Refuses new connections. Those there are go on.
    public func refuse() {
        change { [listener] state in
            state.isRefusing = true
            shutdown(listener, Int32(SHUT_RDWR))
        }
    }

    /// Keeps the connections and moves no bytes; new connections are made, and nothing answers on them.
    public func stall() { change { $0.isStalled = true } }

    /// Lets everything pass again: ends refusing, stalling, and cutting by a pattern.
    public func resume() {
        change { [listener] state in
            if state.isRefusing { listen(listener, 256) }
            (state.isRefusing, state.isStalled, state.traffic.rule) = (false, false, nil)
            for link in state.links.values { link.forgetPatterns() }
        }
    }

    /// Leads new connections to another port of 127.0.0.1, as a name does that moves to another server.
    public func lead(to target: Int) { change { $0.target = target } }

    /// Breaks every connection, and takes no more.
    public func close() {
        change { state in
            for link in state.links.values { link.reset() }
            state.links = [:]
            state.isClosed = true
        }
    }

    private func change(_ body: (inout sending State) -> Void) {
        state.withLock { state in
            // The thread may have closed everything already.
            guard !state.isClosed else { return }
            body(&state)
            var byte: UInt8 = 1
            write(wakers.writer, &byte, 1)
        }
    }
}

extension CuttingProxy {
    /// What a polled descriptor is.
    private enum Watched {
        case waker
        case listener
        case link(Int, isClient: Bool)
    }

    private func run() {
        while true {
            var (watched, polls) = state.withLock { watchList(&$0) }
            let count = poll(&polls, nfds_t(polls.count), -1)
            guard count >= 0 || errno == EINTR else { break }
            let goesOn = state.withLock { state in
                guard !state.isClosed else { return false }
                for (what, poll) in zip(watched, polls) where poll.revents != 0 { act(on: what, poll.revents, &state) }
                return true
            }
            watched = []
            guard goesOn else { break }
        }
        for descriptor in [listener, wakers.reader, wakers.writer] { Glibc.close(descriptor) }
    }

    private func watchList(_ state: inout State) -> ([Watched], [pollfd]) {
        var watched: [Watched] = [.waker]
        var polls = [pollfd(fd: wakers.reader, events: Int16(POLLIN), revents: 0)]
        guard !state.isStalled else { return (watched, polls) }
        if !state.isRefusing {
            watched.append(.listener)
            polls.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0))
        }
        for (id, link) in state.links {
            for interest in link.interests {
                watched.append(.link(id, isClient: interest.isClient))
                let events = (interest.reads ? Int16(POLLIN) : 0) | (interest.writes ? Int16(POLLOUT) : 0)
                polls.append(pollfd(fd: interest.socket, events: events, revents: 0))
            }
        }
        return (watched, polls)
    }

    private func act(on what: Watched, _ events: Int16, _ state: inout State) {
        switch what {
        case .waker:
            var buffer = [UInt8](repeating: 0, count: 64)
            while read(wakers.reader, &buffer, buffer.count) > 0 {}
        case .listener:
            guard !state.isStalled, !state.isRefusing else { return }
            while let client = Sockets.accept(listener) {
                state.links[state.nextLink] = ProxyLink(client: client, server: Sockets.connect(to: state.target))
                state.nextLink += 1
                state.traffic.counts.connections += 1
            }
        case .link(let id, let isClient):
            guard !state.isStalled, let link = state.links[id] else { return }
            let outcome = link.proceed(
                isClient: isClient, isReadable: events & Int16(POLLIN) != 0,
                isBroken: events & Int16(POLLERR | POLLHUP) != 0, &state.traffic)
            if case .over = outcome { state.links[id] = nil }
        }
    }
}
