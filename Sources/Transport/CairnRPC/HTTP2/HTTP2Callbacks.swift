import CNghttp2

/// nghttp2's callbacks, shared by all sessions: each finds the session, and through it the stream, and passes the
/// event on.
// Unchecked: nghttp2 only reads the table, which is complete before it is shared.
struct HTTP2Callbacks: @unchecked Sendable {
    let pointer: OpaquePointer?

    static let shared = HTTP2Callbacks()

    private init() {
        var callbacks: OpaquePointer?
        let status = nghttp2_session_callbacks_new(&callbacks)
        precondition(status == 0, "nghttp2 has no memory for its callbacks")
        pointer = callbacks
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, context in
            guard let header, let context else { return 0 }
            HTTP2Callbacks.session(context).didBeginFrame(header.pointee)
            return 0
        }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, context in
            guard let frame, let context else { return 0 }
            return HTTP2Callbacks.session(context).didBeginHeaders(frame)
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, _, name, nameCount, value, valueCount, _, context in
            guard let context else { return 0 }
            let session = HTTP2Callbacks.session(context)
            guard let stream = session.headerStream else { return 0 }
            guard session.countField(bytes: nameCount + valueCount + 32) else { return session.refuseHeaders(stream) }
            session.owner.didReceiveHeader(
                UnsafeBufferPointer(start: name, count: nameCount),
                UnsafeBufferPointer(start: value, count: valueCount), on: stream)
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, flags, id, bytes, count, context in
            guard let context else { return 0 }
            let session = HTTP2Callbacks.session(context)
            let isEnd = UInt32(flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
            guard let stream = session.stream(id) else {
                session.consumeConnection(count)
                return 0
            }
            session.owner.didReceiveData(
                UnsafeRawBufferPointer(start: bytes, count: count), on: stream, endStream: isEnd)
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, context in
            guard let frame, let context else { return 0 }
            HTTP2Callbacks.session(context).didReceive(frame)
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, errorCode, context in
            guard let context else { return 0 }
            let session = HTTP2Callbacks.session(context)
            guard let stream = session.stream(id) else { return 0 }
            session.detach(stream)
            session.owner.didClose(stream, errorCode: errorCode)
            return 0
        }
        // What unknown frames carry is dropped; `didBeginFrame` has counted them.
        nghttp2_session_callbacks_set_unpack_extension_callback(callbacks) { _, _, _, _ in
            NGHTTP2_ERR_CANCEL.rawValue
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, _, _, context in
            guard let context else { return 0 }
            HTTP2Callbacks.session(context).owner.didReceiveControl(.odd)
            return 0
        }
    }

    /// The provider that reads a stream's queue.
    static func provider(_ stream: UnsafeMutableRawPointer) -> nghttp2_data_provider {
        nghttp2_data_provider(source: nghttp2_data_source(ptr: stream)) { _, _, buffer, length, flags, source, _ in
            guard let buffer, let flags, let pointer = source?.pointee.ptr else {
                return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
            }
            // The session holds the stream for as long as nghttp2 has it open.
            return Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef {
                $0.read(into: buffer, length: length, flags: flags)
            }
        }
    }

    // The session hands nghttp2 a pointer to itself, and frees nghttp2's session when it ends.
    fileprivate static func session(_ context: UnsafeMutableRawPointer) -> HTTP2Session {
        Unmanaged<HTTP2Session>.fromOpaque(context).takeUnretainedValue()
    }
}

extension HTTP2Session {
    /// Sees the header of every frame, also of those that nghttp2 keeps to itself.
    fileprivate func didBeginFrame(_ header: nghttp2_frame_hd) {
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            awaitsContinuation = UInt32(header.flags) & NGHTTP2_FLAG_END_HEADERS.rawValue == 0
        case NGHTTP2_CONTINUATION.rawValue:
            awaitsContinuation = UInt32(header.flags) & NGHTTP2_FLAG_END_HEADERS.rawValue == 0
            if header.length == 0 { owner.didReceiveControl(.odd) }
        case 0...NGHTTP2_CONTINUATION.rawValue: break
        default: owner.didReceiveControl(.odd)
        }
    }

    fileprivate func didBeginHeaders(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        let id = frame.pointee.hd.stream_id
        guard frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST else {
            beginHeaders(of: stream(id))
            return 0
        }
        guard let stream = owner.makeStream(id: id) else {
            beginHeaders(of: nil)
            reset(id, HTTP2ErrorCode.refusedStream)
            // nghttp2 reads the rest of the block, as its compression needs, and tells nobody.
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        attach(stream, id: id)
        bind(stream)
        beginHeaders(of: stream)
        return 0
    }

    /// Gives up a header block that is too large to be worth an answer.
    fileprivate func refuseHeaders(_ stream: HTTP2Stream) -> Int32 {
        headerStream = nil
        reset(stream.id, HTTP2ErrorCode.enhanceYourCalm)
        owner.didReceiveControl(.odd)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }

    fileprivate func didReceive(_ frame: UnsafePointer<nghttp2_frame>) {
        let header = frame.pointee.hd
        let isEnd = UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
        let isAck = UInt32(header.flags) & NGHTTP2_FLAG_ACK.rawValue != 0
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            guard let stream = headerStream else { return }
            headerStream = nil
            if isEnd { stream.isRemoteEnded = true }
            owner.didReceiveHeaders(on: stream, endStream: isEnd)
        case NGHTTP2_DATA.rawValue:
            if isEnd, let stream = stream(header.stream_id) {
                stream.isRemoteEnded = true
                owner.didReceiveEnd(on: stream)
            } else if !isEnd, header.length <= frame.pointee.data.padlen {
                // Padding is no content either, and its length counts the byte that tells it.
                owner.didReceiveControl(.emptyData)
            }
        case NGHTTP2_PING.rawValue: owner.didReceiveControl(isAck ? .pingAck : .ping)
        case NGHTTP2_SETTINGS.rawValue: owner.didReceiveControl(isAck ? .settingsAck : .settings)
        case NGHTTP2_RST_STREAM.rawValue: owner.didReceiveControl(.reset)
        case NGHTTP2_GOAWAY.rawValue:
            let goAway = frame.pointee.goaway
            owner.didReceiveControl(.goAway(lastStreamID: goAway.last_stream_id, errorCode: goAway.error_code))
        case NGHTTP2_WINDOW_UPDATE.rawValue: owner.didReceiveControl(.windowUpdate)
        case NGHTTP2_PRIORITY.rawValue: owner.didReceiveControl(.odd)
        default: owner.didReceiveControl(.other)
        }
    }
}
