import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// One of a client's connections over time: it connects when there is a call, connects again when the connection is
/// lost, and keeps calls while there is none.
// Unchecked: confined to its loop, but for the two atomics and what is immutable.
final class ClientSlot: @unchecked Sendable {
    private enum Phase {
        case idle
        case connecting
        case ready(ClientConnection)
        case backingOff(RPCError)
        case closed
    }

    let executor: LoopExecutor
    /// Calls that were given to the slot and aren't over; from any thread.
    let load = Atomic<Int>(0)
    /// Whether the slot has a connection; from any thread.
    let isReady = Atomic<Bool>(false)
    private let target: RPCTarget
    private let configuration: RPCClientConfiguration
    private let tls: NIOSSLContext?
    private var phase = Phase.idle
    private var pending = CircularBuffer<ClientCall>()
    private var connections: [ObjectIdentifier: ClientConnection] = [:]
    private var attempt: ClientConnection?
    private var addressIndex: Int
    private var failures = 0
    /// Why the last attempt failed, until one succeeds.
    private var lastFailure: String?
    private var addressesTried = 0
    private var wake: Scheduled<Void>?
    private var wakeAt = NIODeadline.distantFuture
    private var closeWaiters: [CheckedContinuation<Void, Never>] = []

    init(
        target: RPCTarget, configuration: RPCClientConfiguration, tls: NIOSSLContext?, executor: LoopExecutor,
        index: Int
    ) {
        self.target = target
        self.configuration = configuration
        self.tls = tls
        self.executor = executor
        addressIndex = index % max(1, target.addresses.count)
    }

    // MARK: Calls

    /// Takes a call, from any thread. ``load`` was raised for it already.
    func submit(_ call: ClientCall) {
        executor.perform { self.take(call) }
    }

    private func take(_ call: ClientCall) {
        call.slot = self
        call.didSubmit()
        guard !call.isComplete else { return call.leave() }
        switch phase {
        case .ready(let connection) where pending.isEmpty && connection.mayStart: connection.start(call)
        case .ready, .connecting: keep(call)
        case .idle:
            keep(call)
            connect()
        case .backingOff(let error):
            if call.waitForReady { keep(call) } else { call.complete(error) }
        case .closed: call.complete(RPCError(.unavailable, "the client is closed", wasNotProcessed: true))
        }
    }

    private func keep(_ call: ClientCall) {
        pending.append(call)
        if let deadline = call.deadlineAt { ensureWake(by: deadline) }
    }

    /// A call is no longer the slot's.
    func callDidLeave() { load.subtract(1, ordering: .relaxed) }

    private func startPending() {
        guard case .ready(let connection) = phase else { return }
        while connection.mayStart, let call = pending.popFirst() {
            if !call.isComplete { connection.start(call) }
        }
    }

    /// Connects if there is no connection yet, so that a pool fills up.
    func warmUp() {
        executor.perform { if case .idle = self.phase { self.connect() } }
    }

    // MARK: Connecting

    private func connect() {
        phase = .connecting
        addressesTried = 0
        tryNextAddress()
    }

    private func tryNextAddress() {
        let address = target.addresses[addressIndex]
        let connection = ClientConnection(slot: self, configuration: configuration)
        attempt = connection
        connections[ObjectIdentifier(connection)] = connection
        let bootstrap = ClientBootstrap(group: executor.eventLoop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.recvAllocator, value: .rpc)
            .channelOption(.writeBufferWaterMark, value: .init(low: 64 * 1024, high: 512 * 1024))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if case .hostPort(let host, _) = address {
                        try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
                        if let tls = self.tls {
                            let name = PeerName(self.configuration.tls?.serverName ?? host)
                            connection.serverName = name
                            let handler = try NIOSSLClientHandler(context: tls, serverHostname: name.indication)
                            try channel.pipeline.syncOperations.addHandler(handler)
                        }
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
        let channel =
            switch address {
            case .hostPort(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        channel.assumeIsolated().whenFailure { error in
            self.connectionDidEnd(connection, FailureWords.of(error))
        }
    }

    /// The server's SETTINGS have come, first or again.
    func connectionIsReady(_ connection: ClientConnection) {
        if attempt === connection, case .connecting = phase {
            attempt = nil
            failures = 0
            lastFailure = nil
            phase = .ready(connection)
            isReady.store(true, ordering: .relaxed)
        }
        startPending()
    }

    /// A call has left the connection.
    func connectionHasRoom() {
        if !pending.isEmpty { startPending() }
    }

    /// The connection takes no more calls.
    func connectionIsLeaving(_ connection: ClientConnection) {
        guard case .ready(let current) = phase, current === connection else { return }
        isReady.store(false, ordering: .relaxed)
        phase = .idle
        if !pending.isEmpty { connect() }
    }

    /// The connection, or the attempt to make one, is over. May be told twice.
    func connectionDidEnd(_ connection: ClientConnection, _ reason: String) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        if case .closed = phase { return finishClose() }
        if attempt === connection {
            attempt = nil
            attemptDidFail(reason)
        } else {
            connectionIsLeaving(connection)
        }
    }

    private func attemptDidFail(_ reason: String) {
        let failure = "can't connect to \(target.addresses[addressIndex]): \(reason)"
        lastFailure = failure
        addressIndex = (addressIndex + 1) % target.addresses.count
        addressesTried += 1
        if addressesTried < target.addresses.count { return tryNextAddress() }
        failures += 1
        let error = RPCError(.unavailable, failure, wasNotProcessed: true)
        phase = .backingOff(error)
        let delay = configuration.backoff.delay(failures: failures, random: .random(in: -1...1))
        executor.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) { self.backoffDidEnd() }
        let waiting = pending
        pending = CircularBuffer()
        for call in waiting {
            if call.waitForReady { pending.append(call) } else { call.complete(error) }
        }
    }

    private func backoffDidEnd() {
        guard case .backingOff = phase else { return }
        phase = .idle
        if !pending.isEmpty { connect() }
    }

    // MARK: Time

    private func ensureWake(by time: NIODeadline) {
        guard time < wakeAt else { return }
        wake?.cancel()
        wakeAt = time
        wake = executor.eventLoop.assumeIsolated().scheduleTask(deadline: time) { self.onWake() }
    }

    private func onWake() {
        wakeAt = .distantFuture
        let now = NIODeadline.now()
        let failure = deadlineFailure
        for call in pending { call.checkDeadline(now: now, failure: failure) }
        pending.removeAll { $0.isComplete }
        if let next = pending.compactMap(\.deadlineAt).min() { ensureWake(by: next) }
    }

    /// What a call is told whose deadline passes before it could be sent.
    private var deadlineFailure: RPCError {
        let words =
            if case .ready = phase {
                "the call's deadline has passed while \(target.addresses[addressIndex]) had no room for it"
            } else {
                lastFailure ?? "can't connect to \(target.addresses[addressIndex]): no answer in time"
            }
        return RPCError(.deadlineExceeded, words, wasNotProcessed: true)
    }

    // MARK: The end

    /// Takes no more calls, fails those that wait, and returns when those that run are over.
    func close() async {
        await withCheckedContinuation { continuation in
            executor.perform {
                self.closeWaiters.append(continuation)
                self.startClose()
            }
        }
    }

    private func startClose() {
        phase = .closed
        isReady.store(false, ordering: .relaxed)
        wake?.cancel()
        let waiting = pending
        pending = CircularBuffer()
        for call in waiting { call.complete(RPCError(.unavailable, "the client is closed", wasNotProcessed: true)) }
        attempt?.closeNow("the client is closed")
        for connection in connections.values { connection.goAway() }
        finishClose()
    }

    private func finishClose() {
        guard connections.isEmpty else { return }
        let waiters = closeWaiters
        closeWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}
