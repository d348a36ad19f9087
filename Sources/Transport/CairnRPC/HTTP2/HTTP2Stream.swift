import CNghttp2
import NIOCore

/// One HTTP/2 stream, as both sides see it: its number, and the bytes that wait to be sent on it.
///
/// Confined to its connection's event loop. Subclasses add what they receive.
class HTTP2Stream {
    /// How a stream's outgoing side ends once its queue is empty.
    enum End {
        /// More may be queued.
        case open
        /// END_STREAM on the last DATA frame.
        case endStream
        /// Trailers that say OK and nothing else.
        case statusOK
        /// Trailers.
        case trailers(HeaderBlock)
    }

    /// The stream's number; 0 before it has one.
    var id: Int32 = 0
    /// The session, while the stream is open in it.
    var session: HTTP2Session?
    /// Where the session keeps this stream.
    var indexInSession = 0
    /// Whether the peer has ended its side.
    var isRemoteEnded = false
    /// Whether the owner wants to hear of bytes that went out.
    var reportsProgress = false
    /// Bytes sent since the session last told the stream about it.
    var sentSinceReport = 0

    private var current: [UInt8] = []
    private var offset = 0
    private var queue = CircularBuffer<[UInt8]>(initialCapacity: 0)
    private var end = End.open
    private var isDeferred = false
    private(set) var queuedBytes = 0

    private let live: LiveObjects

    init(live: LiveObjects) {
        self.live = live
        live.streams.add(1)
    }

    deinit { live.streams.add(-1) }

    /// Queues a framed message. The caller makes sure that the queue is bounded.
    func enqueue(_ framed: [UInt8]) {
        guard let session else { return }
        if queuedBytes == 0 {
            current = framed
            offset = 0
        } else {
            queue.append(framed)
        }
        queuedBytes += framed.count
        session.queuedBytes += framed.count
        resume()
    }

    /// Ends the outgoing side once what is queued is sent.
    func finish(_ end: End) {
        self.end = end
        resume()
    }

    private func resume() {
        guard isDeferred, let session else { return }
        isDeferred = false
        session.resume(self)
    }

    /// Forgets what is queued.
    func discardQueue() {
        session?.queuedBytes -= queuedBytes
        queuedBytes = 0
        current = []
        queue.removeAll()
    }

    /// Makes the outgoing side new again, for a repeat on another connection.
    func resetOutgoing() {
        discardQueue()
        end = .open
        isDeferred = false
        sentSinceReport = 0
    }

    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
    /// Fills a DATA frame: copies what there is, and says whether that was all.
    func read(into buffer: UnsafeMutablePointer<UInt8>, length: Int, flags: UnsafeMutablePointer<UInt32>) -> Int {
        var copied = 0
        while copied < length, queuedBytes > 0 {
            let take = min(length - copied, current.count - offset)
            current.withUnsafeBufferPointer { source in
                // The queue is not empty, so `current` has bytes and a base address.
                (buffer + copied).update(from: source.baseAddress! + offset, count: take)
            }
            copied += take
            offset += take
            queuedBytes -= take
            if offset == current.count {
                current = queue.popFirst() ?? []
                offset = 0
            }
        }
        session?.didSend(copied, on: self)
        guard queuedBytes == 0 else { return copied }
        switch end {
        case .open where copied == 0:
            isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        case .open: break
        case .endStream:
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
        case .statusOK:
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            session?.submitTrailersOK(self)
        case .trailers(let block):
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            session?.submitTrailers(block, on: self)
        }
        return copied
    }
}
