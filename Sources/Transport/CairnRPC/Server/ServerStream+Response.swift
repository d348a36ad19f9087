import NIOCore
import Synchronization

// What is sent back, and the call's end.
extension ServerStream {
    // MARK: The end

    func complete(_ result: Result<EncodedMessage?, any Error>) {
        if eventLoop.inEventLoop {
            finish(result)
        } else {
            connection.executor.perform { self.finish(result) }
        }
    }

    /// Answers with what `make` makes on the loop, if the call isn't over by then.
    func complete(_ make: @escaping @Sendable () throws -> EncodedMessage) {
        if eventLoop.inEventLoop {
            finish(Result { try make() })
        } else {
            connection.executor.perform { self.finish(Result { try make() }) }
        }
    }

    private func finish(_ result: Result<EncodedMessage?, any Error>) {
        guard !isFinished else { return }
        switch result {
        case .success(let response): succeed(response)
        case .failure(let error):
            var answer = RPCError.answering(error)
            // Given up for its deadline, which the loop hasn't come to look at yet.
            if answer.code == .cancelled, let deadline, deadline <= .now {
                answer = RPCError(.deadlineExceeded, "the call's deadline has passed")
            }
            if answer.code == .unknown, !(error is RPCError) { connection.log(failure: error, of: self) }
            fail(answer)
        }
    }

    private func succeed(_ response: EncodedMessage?) {
        guard let session else { return }
        let trailing = notes.withLock { $0.trailingMetadata }
        if let response {
            // A single response isn't gated: it is one message a stream, and streams are limited.
            enqueue(framed(response))
        }
        if let trailing, !trailing.isEmpty {
            var block = HeaderBlock()
            block.add(.ok, details: [], metadata: trailing)
            finish(.trailers(block))
        } else {
            finish(.statusOK)
        }
        sendHeadersOnLoop(session)
        didFinish(.ok)
    }

    /// Ends the call with an error, whatever its handler is doing.
    func fail(_ error: RPCError) {
        guard !isFinished else { return }
        if let session {
            var metadata = error.metadata
            notes.withLock { notes in
                for entry in notes.trailingMetadata?.entries ?? [] { metadata.append(entry) }
            }
            var block = HeaderBlock()
            if areHeadersSent {
                block.add(error.status, details: error.details, metadata: metadata)
                finish(.trailers(block))
            } else {
                // Nothing was sent: the status goes in the only header block ("Trailers-Only").
                block.add(":status", "200")
                block.add("content-type", "application/grpc")
                block.add(error.status, details: error.details, metadata: metadata)
                areHeadersSent = true
                session.submitResponse(block, on: self, hasBody: false)
            }
        }
        release(error)
        didFinish(error.status)
    }

    func refuse(httpStatus: StaticString) {
        var block = HeaderBlock()
        block.add(":status", "\(httpStatus)")
        session?.submitResponse(block, on: self, hasBody: false)
        let error = RPCError(.internal, "HTTP status \(httpStatus)")
        release(error)
        didFinish(error.status)
    }

    /// The stream is over in the session: the client reset it or went away, or all is sent.
    func didClose() {
        let error = RPCError(.cancelled, "the client cancelled the call or went away")
        if !isFinished {
            release(error)
            didFinish(error.status)
        }
        gate?.close(error)
        setBuffered(0)
    }

    /// Stops the handler and everything that waits in it.
    func release(_ error: RPCError) {
        task?.cancel()
        inbox?.finish(.failure(error), discarding: true)
        gate?.close(error)
        firstMessage = nil
        setBuffered(0)
    }

    private func didFinish(_ status: RPCStatus) {
        isFinished = true
        isOver.store(true, ordering: .relaxed)
        task = nil
        connection.forgetStart(of: self)
        notes.withLock { $0.drainActions = [] }
        connection.setNeedsFlush()
        connection.callDidEnd(self, status: status)
    }

    // MARK: Responses

    private func framed(_ message: EncodedMessage) -> [UInt8] {
        guard let threshold = connection.compressionThreshold, head.acceptsGzip, message.count >= threshold else {
            return message.framed
        }
        return message.gzipped()
    }

    /// Sends the headers, from any thread.
    func sendHeaders() {
        if eventLoop.inEventLoop {
            session.map { sendHeadersOnLoop($0) }
        } else {
            connection.executor.perform { self.session.map { self.sendHeadersOnLoop($0) } }
        }
    }

    private func sendHeadersOnLoop(_ session: HTTP2Session) {
        guard !areHeadersSent, !isFinished else { return }
        areHeadersSent = true
        connection.setNeedsFlush()
        let initial = notes.withLock { $0.initialMetadata }
        let compresses = connection.compressionThreshold != nil && head.acceptsGzip
        guard compresses || initial?.isEmpty == false else { return session.submitResponse(on: self) }
        var block = HeaderBlock()
        block.add(":status", "200")
        block.add("content-type", "application/grpc")
        if compresses { block.add("grpc-encoding", "gzip") }
        if let initial { block.add(initial) }
        session.submitResponse(block, on: self, hasBody: true)
    }

    /// Sends one message of a response stream, waiting for room first.
    func write(_ message: EncodedMessage) async throws {
        guard let gate else { preconditionFailure("only a response stream is written to") }
        let framed = framed(message)
        try await gate.reserve(framed.count)
        if eventLoop.inEventLoop {
            send(framed)
        } else {
            connection.executor.perform { self.send(framed) }
        }
    }

    private func send(_ framed: [UInt8]) {
        guard let session, !isFinished else { return }
        enqueue(framed)
        sendHeadersOnLoop(session)
        connection.setNeedsFlush()
    }
}
