import Logging
import NIOCore

extension ServerConnection: HTTP2SessionOwner {
    func makeStream(id: Int32) -> HTTP2Stream? {
        guard let session, !isClosing else { return nil }
        guard session.streams.count < limits.maxConcurrentStreams else {
            count(.refusal, "too many streams over the limit")
            return nil
        }
        requestCount += 1
        timers.hasCalls(true, now: now)
        return ServerStream(connection: self)
    }

    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
    func didReceiveHeader(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, on stream: HTTP2Stream
    ) {
        let call = stream.asServerStream
        if name.count == 5, name.matches(":path") {
            call.head.count(name, value)
            call.route = shared.routes[value]
            // It is told back in the error, which a long one would make longer still.
            if call.route == nil { call.unknownPath = String(decoding: value.dropFirst().prefix(256), as: UTF8.self) }
        } else {
            call.head.add(name, value, limit: limits.maxMetadataBytes)
        }
    }

    func didReceiveHeaders(on stream: HTTP2Stream, endStream: Bool) {
        let call = stream.asServerStream
        guard !call.hasHead else {
            // Trailers of a request: nothing in gRPC uses them, but they end it.
            if endStream { call.requestDidEnd() }
            return
        }
        call.hasHead = true
        call.arrivedAt = now
        shared.metrics.method(call.route).didStart()
        if !interceptors.isEmpty { call.startedAt = .now }
        if let tracer = shared.tracer { call.span = tracer.span(of: RPCContext(call)) }
        if let timeout = call.head.timeout {
            let timeout = min(timeout, shared.maxDeadline ?? timeout)
            let due = now + TimeAmount(timeout)
            call.deadline = .now + timeout
            call.deadlineAt = due
            ensureWake(by: due)
        }
        if !endStream, call.route?.streamsRequests == false {
            let due = now + TimeAmount(limits.requestBodyTimeout)
            call.requestDueAt = due
            ensureWake(by: due)
        }
        call.headersDidEnd(endStream: endStream)
    }

    func didReceiveData(_ bytes: UnsafeRawBufferPointer, on stream: HTTP2Stream, endStream: Bool) {
        didReceiveBytes(bytes.count)
        stream.asServerStream.receive(bytes, endStream: endStream)
    }

    func didReceiveEnd(on stream: HTTP2Stream) { stream.asServerStream.requestDidEnd() }

    func didClose(_ stream: HTTP2Stream, errorCode: UInt32) {
        stream.asServerStream.didClose()
        if HTTP2ErrorCode.isBrokenRule(errorCode) { count(.reset, "too many broken streams") }
        if session?.streams.isEmpty == true { timers.hasCalls(false, now: now) }
        if isDraining { setNeedsFlush() }
    }

    func didReceiveControl(_ frame: HTTP2ControlFrame) {
        switch frame {
        case .ping: count(.ping, "too many pings")
        case .settings:
            if timers.didShakeHands() { scheduleWake() }
            count(.settings, "too many settings")
        case .reset: count(.reset, "too many resets")
        case .emptyData: count(.emptyData, "too many empty frames")
        case .windowUpdate:
            earnWindowUpdates()
            count(.windowUpdate, "too many window updates")
        case .odd, .goAway: count(.odd, "too many odd frames")
        case .pingAck:
            count(.ping, "too many pings")
            // Until now the next thing due was the end of the wait for the answer.
            scheduleWake()
            finishDrain()
        case .settingsAck, .other: break
        }
    }

    /// Allows window updates for what happened since the last one.
    private func earnWindowUpdates() {
        let turns = requestCount + (session?.dataFramesSent ?? 0)
        floods.earn(.windowUpdate, 10 * (turns - earnedTurns))
        earnedTurns = turns
    }

    private func count(_ kind: FloodGuard.Kind, _ reason: StaticString) {
        if !floods.allows(kind, now: now) { enhanceYourCalm(reason) }
    }

    func didSendBytes(_ count: Int, on stream: HTTP2Stream) { stream.asServerStream.gate?.release(count) }

    // MARK: Calls

    func callDidEnd(_ call: ServerStream, status: RPCStatus) {
        if let arrivedAt = call.arrivedAt {
            let duration = NIODeadline.now() - arrivedAt
            shared.metrics.method(call.route).didEnd(status.code, nanoseconds: duration.nanoseconds)
        }
        call.span?.didEnd(status)
        guard !interceptors.isEmpty, let startedAt = call.startedAt else { return }
        let duration = ContinuousClock.now - startedAt
        for interceptor in interceptors { interceptor.callDidEnd(RPCContext(call), status: status, duration: duration) }
    }

    func log(failure error: any Error, of call: ServerStream) {
        shared.logger.error(
            "a handler failed with an error that is not an RPCError",
            metadata: ["rpc.method": "\(call.method)", "error": "\(error)"])
    }
}

extension HTTP2Stream {
    /// A server's session holds only streams that its connection made.
    fileprivate var asServerStream: ServerStream { unsafeDowncast(self, to: ServerStream.self) }
}
