import CNghttp2
import NIOCore

/// What a session tells its connection. Called from within ``HTTP2Session/receive(_:)`` or
/// ``HTTP2Session/send(into:limit:)``.
///
/// Implementations may submit to the session, but not feed, drain or free it.
protocol HTTP2SessionOwner: AnyObject {
    /// A request begins; the stream to keep for it, or `nil` to refuse it.
    func makeStream(id: Int32) -> HTTP2Stream?
    func didReceiveHeader(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, on stream: HTTP2Stream)
    /// A header block is complete.
    func didReceiveHeaders(on stream: HTTP2Stream, endStream: Bool)
    func didReceiveData(_ bytes: UnsafeRawBufferPointer, on stream: HTTP2Stream, endStream: Bool)
    /// The peer ended its side with a DATA frame.
    func didReceiveEnd(on stream: HTTP2Stream)
    /// The stream is over; it is no longer the session's.
    func didClose(_ stream: HTTP2Stream, errorCode: UInt32)
    /// A frame that isn't part of a request or response.
    func didReceiveControl(_ frame: HTTP2ControlFrame)
    /// Queued bytes of `stream` went out.
    func didSendBytes(_ count: Int, on stream: HTTP2Stream)
}

/// Frames that a connection watches for keep-alive, draining and floods.
enum HTTP2ControlFrame: Equatable {
    case ping
    case pingAck
    case settings
    case settingsAck
    case goAway(lastStreamID: Int32, errorCode: UInt32)
    case reset
    case emptyData
    case windowUpdate
    /// PRIORITY, unknown and empty frames, and frames that break a rule without ending the connection.
    case odd
    case other
}

/// Why a session can't go on.
struct HTTP2SessionError: Error, CustomStringConvertible {
    var code: Int32
    /// nghttp2's words.
    var description: String { String(cString: nghttp2_strerror(code)) }
}

/// One HTTP/2 connection's state: nghttp2's session, and every unsafe call into it.
///
/// Confined to its connection's event loop, and owned by the connection, which feeds what arrives, drains what is to
/// be sent, and calls ``close()`` before it lets go.
final class HTTP2Session {
    struct Settings {
        var isServer: Bool
        /// What the peer is told.
        var maxConcurrentStreams: Int
        /// What nghttp2 lets in, before it ends the connection: the owner refuses what is over the limit by itself.
        var maxAcceptedStreams: Int = 0
        var initialStreamWindow: Int
        var connectionWindow: Int
        /// What the peer is told.
        var maxHeaderListBytes: Int
        /// A larger header block isn't read to its end, and its stream is reset.
        var maxHeaderBlockBytes: Int = .max
        var maxSettingsEntries: Int = 32
        var maxContinuations: Int = 8
        var maxQueuedAcks: Int = 1000
        var resetBurst: Int = 1000
        var resetsPerSecond: Int = 33
    }

    // Unowned and unsafe: the owner frees the session before it ends itself.
    unowned(unsafe) let owner: any HTTP2SessionOwner
    private(set) var streams: [HTTP2Stream] = []
    /// Bytes of messages that wait to be sent on all streams.
    var queuedBytes = 0
    /// The stream whose header block is arriving; header blocks are contiguous (RFC 9113, section 4.3).
    var headerStream: HTTP2Stream?
    /// Whether the last header frame says that more of its block follows, also on a stream that was refused.
    var awaitsContinuation = false
    /// DATA frames with bytes in them that were sent.
    private(set) var dataFramesSent = 0
    private var session: OpaquePointer?
    /// The server's SETTINGS, until they are sent.
    private var opening: [UInt8] = []
    /// The size of the header block that is arriving, and the largest that is read.
    private var headerBlockBytes = 0
    private let maxHeaderBlockBytes: Int
    private var isClosed = false
    private let live: LiveObjects
    private var progressed: [HTTP2Stream] = []
    /// Streams whose answer ends before their request does.
    private var unread: [HTTP2Stream] = []

    init(_ settings: Settings, owner: any HTTP2SessionOwner, live: LiveObjects) {
        self.owner = owner
        self.live = live
        maxHeaderBlockBytes = settings.maxHeaderBlockBytes
        live.sessions.add(1)
        // Unretained: the session owns its streams and is owned by its connection, and both outlive the C session.
        let context = Unmanaged.passUnretained(self).toOpaque()
        let options = Self.makeOptions(settings)
        defer { nghttp2_option_del(options) }
        let make = settings.isServer ? nghttp2_session_server_new2 : nghttp2_session_client_new2
        let status = make(&session, HTTP2Callbacks.shared.pointer, context, options)
        precondition(status == 0, "nghttp2 has no memory for a session")
        submitSettings(settings)
    }

    deinit {
        nghttp2_session_del(session)
        live.sessions.add(-1)
    }

    private static func makeOptions(_ settings: Settings) -> OpaquePointer? {
        var options: OpaquePointer?
        nghttp2_option_new(&options)
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_max_settings(options, settings.maxSettingsEntries)
        nghttp2_option_set_max_outbound_ack(options, settings.maxQueuedAcks)
        nghttp2_option_set_max_send_header_block_length(options, 1 << 20)
        nghttp2_option_set_max_continuations(options, settings.maxContinuations)
        nghttp2_option_set_stream_reset_rate_limit(
            options, UInt64(settings.resetBurst), UInt64(settings.resetsPerSecond))
        // Frames of unknown types are dropped without a word, unless somebody says that he knows them.
        for type in 10...UInt8.max { nghttp2_option_set_user_recv_extension_type(options, type) }
        return options
    }

    private func submitSettings(_ settings: Settings) {
        func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
            nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
        }
        var entries = [
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.initialStreamWindow),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settings.maxHeaderListBytes),
        ]
        if settings.isServer {
            // The last entry: see `writeOpening`.
            entries.append(entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.maxAcceptedStreams))
        } else {
            entries.append(entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
        }
        nghttp2_submit_settings(session, 0, entries, entries.count)
        if settings.isServer { writeOpening(maxConcurrentStreams: settings.maxConcurrentStreams) }
        nghttp2_session_set_local_window_size(session, 0, 0, Int32(clamping: settings.connectionWindow))
    }

    /// Takes the first SETTINGS frame from nghttp2, and writes the peer's limit on streams over nghttp2's own.
    ///
    /// A peer that keeps opening streams beyond the limit it knows breaks a rule that costs it the stream
    /// (RFC 9113, section 5.1.2). nghttp2 ends the whole connection, unless it was told of a larger limit.
    private func writeOpening(maxConcurrentStreams: Int) {
        var frame: UnsafePointer<UInt8>?
        let count = nghttp2_session_mem_send(session, &frame)
        precondition(count > 0, "nghttp2 has no memory for SETTINGS")
        // The pointer is nghttp2's, and valid until its next call. The value is the frame's last four bytes.
        opening = Array(UnsafeBufferPointer(start: frame, count: count - 4))
        withUnsafeBytes(of: UInt32(clamping: maxConcurrentStreams).bigEndian) { opening.append(contentsOf: $0) }
    }

    // MARK: Bytes

    /// Takes bytes from the peer.
    func receive(_ bytes: UnsafeRawBufferPointer) throws(HTTP2SessionError) {
        let count = nghttp2_session_mem_recv(session, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        guard count >= 0 else { throw HTTP2SessionError(code: Int32(count)) }
    }

    /// Appends frames to `buffer` until there are none or it holds `limit` bytes; says whether more may follow.
    func send(into buffer: inout ByteBuffer, limit: Int) throws(HTTP2SessionError) -> Bool {
        // Nothing may be read from streams that were given back.
        guard !isClosed else { return false }
        if !opening.isEmpty {
            buffer.writeBytes(opening)
            opening = []
        }
        var frame: UnsafePointer<UInt8>?
        var isMore = true
        while buffer.readableBytes < limit {
            let count = nghttp2_session_mem_send(session, &frame)
            guard count >= 0 else { throw HTTP2SessionError(code: Int32(count)) }
            if count == 0 {
                isMore = false
                break
            }
            buffer.writeBytes(UnsafeRawBufferPointer(start: frame, count: count))
        }
        return isMore
    }

    /// Tells the owner of the bytes that went out since the last time, one call a stream.
    func reportProgress() {
        guard !progressed.isEmpty else { return }
        let streams = progressed
        progressed.removeAll(keepingCapacity: true)
        for stream in streams {
            let count = stream.sentSinceReport
            stream.sentSinceReport = 0
            owner.didSendBytes(count, on: stream)
        }
    }

    func didSend(_ count: Int, on stream: HTTP2Stream) {
        queuedBytes -= count
        guard count > 0 else { return }
        dataFramesSent += 1
        guard stream.reportsProgress else { return }
        if stream.sentSinceReport == 0 { progressed.append(stream) }
        stream.sentSinceReport += count
    }

    /// Whether nothing is left to say or to hear (RFC 9113, section 5.4.1: after GOAWAY and the last stream).
    var isFinished: Bool {
        isClosed || nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
    }

    // MARK: Header blocks

    /// Whether a header block has begun and isn't complete.
    var isReadingHeaders: Bool { headerStream != nil || awaitsContinuation }

    /// A header block begins; `stream` is `nil` if its fields are to be dropped.
    func beginHeaders(of stream: HTTP2Stream?) {
        headerStream = stream
        headerBlockBytes = 0
    }

    /// Counts a field of the block that is arriving; `false` if the block has become too large to go on with.
    ///
    /// A field may take one byte on the wire and 4 KiB here (RFC 7541, section 2.3.2), so the bytes on the wire bound
    /// neither memory nor work.
    func countField(bytes: Int) -> Bool {
        headerBlockBytes += bytes
        return headerBlockBytes <= maxHeaderBlockBytes
    }

    // MARK: Streams

    /// Whether a client may open another stream now.
    var mayOpenStream: Bool { nghttp2_session_check_request_allowed(session) != 0 }

    /// The peer's limit on streams that this side opens.
    var peerMaxConcurrentStreams: Int {
        Int(nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
    }

    func attach(_ stream: HTTP2Stream, id: Int32) {
        stream.id = id
        stream.session = self
        stream.indexInSession = streams.count
        streams.append(stream)
    }

    /// Takes the stream out; only the session's callbacks and ``close()`` call this.
    func detach(_ stream: HTTP2Stream) {
        guard stream.session === self else { return }
        stream.discardQueue()
        stream.session = nil
        let index = stream.indexInSession
        let last = streams.removeLast()
        if last !== stream {
            streams[index] = last
            last.indexInSession = index
        }
        if headerStream === stream { headerStream = nil }
    }

    func bind(_ stream: HTTP2Stream) {
        // Unretained: the session owns its streams and is owned by its connection, and both outlive the C session.
        nghttp2_session_set_stream_user_data(session, stream.id, Unmanaged.passUnretained(stream).toOpaque())
    }

    /// The stream that the session keeps under `id`.
    func stream(_ id: Int32) -> HTTP2Stream? {
        nghttp2_session_get_stream_user_data(session, id).map {
            // The pointer was stored by `bind` or `submitRequest`, and `streams` holds the object until it is detached.
            Unmanaged<HTTP2Stream>.fromOpaque($0).takeUnretainedValue()
        }
    }

    /// Gives back what is held of every stream; none gets another event.
    func close() -> [HTTP2Stream] {
        let open = streams
        isClosed = true
        for stream in open {
            // nghttp2 may be in the middle of a batch, and must not find a stream that may be freed.
            nghttp2_session_set_stream_user_data(session, stream.id, nil)
            detach(stream)
        }
        progressed = []
        unread = []
        return open
    }

    // MARK: Submitting

    /// Opens a request; its body follows from the stream's queue. Returns whether nghttp2 took it.
    func submitRequest(_ block: HeaderBlock, on stream: HTTP2Stream) -> Bool {
        let pointer = Unmanaged.passUnretained(stream).toOpaque()
        var provider = HTTP2Callbacks.provider(pointer)
        let id = block.withFields { fields, count in
            nghttp2_submit_request(session, nil, fields, count, &provider, pointer)
        }
        guard id > 0 else { return false }
        attach(stream, id: id)
        return true
    }

    /// Starts a response whose body follows from the stream's queue.
    func submitResponse(on stream: HTTP2Stream) {
        var provider = HTTP2Callbacks.provider(Unmanaged.passUnretained(stream).toOpaque())
        let head = StaticHeaders.responseHead
        nghttp2_submit_response(session, stream.id, head.fields, head.count, &provider)
    }

    /// Starts a response with more than the usual head; without a body it ends the stream.
    func submitResponse(_ block: HeaderBlock, on stream: HTTP2Stream, hasBody: Bool) {
        var provider = HTTP2Callbacks.provider(Unmanaged.passUnretained(stream).toOpaque())
        _ = block.withFields { fields, count in
            withUnsafePointer(to: &provider) {
                nghttp2_submit_response(session, stream.id, fields, count, hasBody ? $0 : nil)
            }
        }
        if !hasBody { resetIfUnread(stream) }
    }

    func submitTrailersOK(_ stream: HTTP2Stream) {
        let trailers = StaticHeaders.statusOK
        nghttp2_submit_trailer(session, stream.id, trailers.fields, trailers.count)
        resetIfUnread(stream)
    }

    func submitTrailers(_ block: HeaderBlock, on stream: HTTP2Stream) {
        _ = block.withFields { nghttp2_submit_trailer(session, stream.id, $0, $1) }
        resetIfUnread(stream)
    }

    private func resetIfUnread(_ stream: HTTP2Stream) {
        if !stream.isRemoteEnded { unread.append(stream) }
    }

    /// Asks peers to stop sending requests that are answered already (RFC 9113, section 8.1); says whether there are
    /// any.
    ///
    /// Only after the answer was sent: nghttp2 drops what is queued for a stream that is to be reset.
    func resetUnread() -> Bool {
        guard !unread.isEmpty else { return false }
        for stream in unread where stream.session === self && !stream.isRemoteEnded {
            reset(stream.id, HTTP2ErrorCode.noError)
        }
        unread.removeAll()
        return true
    }

    func reset(_ id: Int32, _ errorCode: UInt32) {
        nghttp2_submit_rst_stream(session, 0, id, errorCode)
    }

    func resume(_ stream: HTTP2Stream) { nghttp2_session_resume_data(session, stream.id) }

    /// Lets the peer send `count` more bytes on the stream.
    func consume(_ count: Int, on stream: HTTP2Stream) { nghttp2_session_consume_stream(session, stream.id, count) }

    /// Lets the peer send `count` more bytes on the connection.
    func consumeConnection(_ count: Int) { nghttp2_session_consume_connection(session, count) }

    func ping() { nghttp2_submit_ping(session, 0, nil) }

    /// Says that no more streams will be accepted, without yet naming the last one (RFC 9113, section 6.8).
    func submitShutdownNotice() { nghttp2_submit_shutdown_notice(session) }

    /// Names the last stream that will be handled; later ones are safe to repeat elsewhere.
    func submitGoAway(_ errorCode: UInt32, _ reason: StaticString = "") {
        let last = nghttp2_session_get_last_proc_stream_id(session)
        nghttp2_submit_goaway(session, 0, last, errorCode, reason.utf8Start, reason.utf8CodeUnitCount)
    }
}
