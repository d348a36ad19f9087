package import CairnModel
package import CairnProtocol
internal import SwiftProtobuf

extension KeyRevision {
    /// The state as a message.
    package var wire: Cairn_V1_KeyRevision {
        .with {
            $0.record = record.wire()
            guard let kind, let time else { return }
            $0.origin.kind = Cairn_V1_EventKind(rawValue: Int(kind.rawValue)) ?? .unspecified
            $0.origin.timeUs = time.rawValue
            $0.origin.clientID = clientID ?? ""
        }
    }

    /// The state of a message.
    package init(wire message: Cairn_V1_KeyRevision) {
        self.init(Record(wire: message.record))
        guard message.hasOrigin else { return }
        kind = Event.Kind(rawValue: Int32(truncatingIfNeeded: message.origin.kind.rawValue))
        time = Timestamp(microseconds: message.origin.timeUs)
        clientID = message.origin.clientID
    }
}

extension Cairn_V1_GetRevisionRequest {
    /// The request for a state of a key.
    package init(_ key: Key, _ revision: Revision, clientID: String) {
        self.init()
        self.key = key.wire
        self.clientID = clientID
        switch revision {
        case .version(let version): self.version = version
        case .back(let count): back = count
        case .asOf(let ref): asOfRef = ref.rawValue
        }
    }

    /// The state that is asked for; the last one if it is not said.
    package var wanted: Revision {
        switch revision {
        case .asOfRef(let ref): .asOf(Ref(ref))
        case .version(let number): .version(number)
        case .back(let count): .back(count)
        case nil: .back(0)
        }
    }
}

extension HistoryRequest {
    /// The request as a message.
    package var wire: Cairn_V1_GetHistoryRequest {
        .with {
            $0.key = key.wire
            $0.limit = Int32(clamping: limit ?? 0)
            if let page { $0.page = page.rawValue }
            $0.clientID = clientID
        }
    }

    /// The request of a message.
    package init(wire message: Cairn_V1_GetHistoryRequest) {
        self.init(
            Key(wire: message.key), limit: message.limit == 0 ? nil : Int(message.limit),
            page: message.hasPage ? Ref(message.page) : nil, clientID: message.clientID)
    }
}

extension HistoryPage {
    /// The page as a message.
    package var wire: Cairn_V1_GetHistoryResponse {
        .with {
            $0.revisions = revisions.map(\.wire)
            if let next { $0.nextPage = next.rawValue }
            $0.isWhole = isWhole
        }
    }

    /// The page of a message.
    package init(wire message: Cairn_V1_GetHistoryResponse) {
        self.init(
            revisions: message.revisions.map(KeyRevision.init(wire:)),
            next: message.hasNextPage ? Ref(message.nextPage) : nil, isWhole: message.isWhole)
    }
}
