internal import CairnModel

/// Events by ref, from the oldest that is kept, in pieces that can be dropped from the front.
struct EventLog: Sendable {
    private static let pieceSize = 1_024

    private var pieces: [[StoredEvent]] = []
    /// The ref of the first event in the first piece.
    private var start = Ref(1)
    /// How many events there are, dropped ones in the first piece included.
    private var count = 0

    /// Appends an event; its ref follows the last one's.
    mutating func append(_ event: StoredEvent) {
        if count % EventLog.pieceSize == 0 {
            pieces.append([])
            pieces[pieces.count - 1].reserveCapacity(EventLog.pieceSize)
        }
        if count == 0 { start = event.ref }
        pieces[pieces.count - 1].append(event)
        count += 1
    }

    /// The events from `first` on, at most `limit`; fewer when they exceed `bytes`, but at least one if there is one.
    func events(from first: Ref, limit: Int, bytes: Int) -> [Event] {
        var events: [Event] = []
        var size = 0
        var index = max(0, Int(first.rawValue - start.rawValue))
        while index < count, events.count < limit, size < bytes || events.isEmpty {
            let event = pieces[index / EventLog.pieceSize][index % EventLog.pieceSize]
            events.append(event.event)
            size += event.size + 64
            index += 1
        }
        return events
    }

    /// The pieces that `other` doesn't share.
    func piecesNotShared(with other: EventLog) -> Int { countNotShared(pieces, other.pieces) }

    /// Frees whole pieces of events before `ref`, at most `limit` pieces. Returns whether more could be freed.
    mutating func trim(before ref: Ref, pieces limit: Int) -> Bool {
        let whole = max(0, Int(ref.rawValue - start.rawValue)) / EventLog.pieceSize
        // The last piece stays, so that appending goes on in it.
        let freeable = min(whole, pieces.count - 1)
        let freed = min(freeable, limit)
        guard freed > 0 else { return false }
        pieces.removeFirst(freed)
        start = Ref(start.rawValue + Int64(freed * EventLog.pieceSize))
        count -= freed * EventLog.pieceSize
        return freeable > freed
    }
}
