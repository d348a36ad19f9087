package import CairnModel
package import CairnProtocol
internal import SwiftProtobuf

extension WatchRequest {
    /// The request as a message.
    package var wire: Cairn_V1_WatchRequest {
        .with {
            $0.ranges = ranges.map(\.wire)
            $0.clientIds = clientIDs.sorted()
            switch start {
            case .now: break
            case .ref(let ref): $0.fromRef = ref.rawValue
            case .current: $0.current = true
            }
            $0.kinds = kinds.map { Cairn_V1_EventKind(rawValue: Int($0.rawValue)) ?? .unspecified }
            $0.untilHead = untilHead
            if let seen {
                $0.seen.ref = seen.ref.rawValue
                $0.seen.timeUs = seen.time.rawValue
            }
        }
    }

    /// The request of a message. Throws ``StoreError/Code/invalidArgument``.
    package init(wire message: Cairn_V1_WatchRequest) throws(StoreError) {
        let start: Start =
            switch message.start {
            case nil: .now
            case .fromRef(let ref): .ref(Ref(ref))
            case .current(let current): current ? .current : .now
            }
        var ranges: [KeyRange] = []
        for range in message.ranges { ranges.append(try KeyRange(wire: range)) }
        self.init(
            ranges: ranges.isEmpty ? [.all] : ranges, start: start, kinds: try Set(wire: message.kinds),
            clientIDs: Set(message.clientIds), untilHead: message.untilHead,
            seen: message.hasSeen
                ? EventMark(ref: Ref(message.seen.ref), time: Timestamp(microseconds: message.seen.timeUs)) : nil)
    }
}

extension KeyAccess {
    /// The access as a message.
    package var wire: Cairn_V1_KeyAccess {
        .with {
            $0.key = key.wire
            $0.version = version
            $0.updatedRef = updatedRef.rawValue
            $0.timeUs = time.rawValue
            $0.clientID = clientID
        }
    }

    /// The access of a message.
    package init(wire message: Cairn_V1_KeyAccess) {
        self.init(
            key: Key(wire: message.key), version: message.version, updatedRef: Ref(message.updatedRef),
            time: Timestamp(microseconds: message.timeUs), clientID: message.clientID)
    }
}

extension MissedAccesses {
    /// The number that is sent.
    package var wire: Int64 {
        switch self {
        case .none: 0
        case .upTo(let count): Int64(count)
        case .unknown: -1
        }
    }

    /// What a number says.
    package init(wire count: Int64) {
        self = count == 0 ? .none : count < 0 ? .unknown : .upTo(Int(count))
    }
}

extension Set<Event.Kind> {
    /// The kinds of a message's field. Throws ``StoreError/Code/invalidArgument`` for one that is never sent.
    package init(wire kinds: [Cairn_V1_EventKind]) throws(StoreError) {
        self = []
        for kind in kinds {
            let kind = Event.Kind(rawValue: Int32(truncatingIfNeeded: kind.rawValue))
            guard Event.Kind.all.contains(kind) else {
                throw StoreError(.invalidArgument, "there are no events of \(kind)")
            }
            insert(kind)
        }
    }
}

extension ListRequest {
    /// The request as a message.
    package var wire: Cairn_V1_ListRequest {
        .with {
            $0.range = range.wire
            $0.depth = Int32(clamping: depth ?? 0)
            $0.keysOnly = keysOnly
            $0.limit = Int32(clamping: limit ?? 0)
            if let page { $0.page = page.wire }
            $0.stale = consistency == .stale
            $0.clientID = clientID
            switch pattern?.syntax {
            case nil: break
            case .glob: $0.glob = pattern?.text ?? ""
            case .regex: $0.regex = pattern?.text ?? ""
            }
            if let asOf { $0.asOfRef = asOf.rawValue }
        }
    }

    /// The request of a message. Throws ``StoreError/Code/invalidArgument``.
    package init(wire message: Cairn_V1_ListRequest) throws(StoreError) {
        let pattern: KeyPattern? =
            switch message.pattern {
            case nil: nil
            case .glob(let text): .glob(text)
            case .regex(let text): .regex(text)
            }
        self.init(
            range: try KeyRange(wire: message.range), root: Key(wire: message.range.prefix),
            depth: message.depth == 0 ? nil : Int(message.depth), keysOnly: message.keysOnly,
            limit: message.limit == 0 ? nil : Int(message.limit),
            page: message.page.isEmpty ? nil : Key(wire: message.page),
            consistency: message.stale ? .stale : .linearizable, clientID: message.clientID, pattern: pattern,
            asOf: message.hasAsOfRef ? Ref(message.asOfRef) : nil)
    }
}

extension ListPage {
    /// The page as a message.
    package var wire: Cairn_V1_ListResponse {
        .with {
            $0.entries = entries.map { entry in
                switch entry {
                case .record(let record): .with { $0.record = record.wire() }
                case .directory(let key): .with { $0.directory = key.wire }
                }
            }
            if let next { $0.nextPage = next.wire }
            $0.ref = ref.rawValue
            $0.withheld = withheld.map(\.wire)
        }
    }

    /// The page of a message.
    package init(wire message: Cairn_V1_ListResponse) {
        self.init(
            entries: message.entries.compactMap { entry in
                switch entry.entry {
                case nil: nil
                case .record(let record): .record(Record(wire: record))
                case .directory(let key): .directory(Key(wire: key))
                }
            },
            next: message.nextPage.isEmpty ? nil : Key(wire: message.nextPage), ref: Ref(message.ref),
            withheld: message.withheld.map(Key.init(wire:)))
    }
}
