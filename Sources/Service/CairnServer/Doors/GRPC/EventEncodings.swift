internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnWire
internal import SwiftProtobuf
internal import Synchronization

/// The encoded forms of recent events, so that an event is encoded once for all who watch it.
///
/// Events are kept by ref, in a ring; an event that has left it is encoded again for whoever is that far behind.
final class EventEncodings: Sendable {
    private static let slots = 4_096
    /// Larger events are encoded each time: keeping them would cost more than it saves.
    private static let bytesPerEvent = 16 << 10

    private struct Slot {
        var ref: Ref = .zero
        var bytes: [UInt8] = []
    }

    private let ring = Mutex([Slot](repeating: Slot(), count: EventEncodings.slots))

    /// A `WatchResponse` that holds these events.
    func response(with events: [Event]) throws -> EncodedMessage {
        var message: [UInt8] = []
        for event in events { message += try field(of: event) }
        return EncodedMessage(bytes: message)
    }

    /// The event as field 1 of a `WatchResponse`: tag, length and message (protobuf encoding, "Length-delimited").
    private func field(of event: Event) throws -> [UInt8] {
        let slot = Int(event.ref.rawValue % Int64(EventEncodings.slots))
        if let known = ring.withLock({ $0[slot].ref == event.ref ? $0[slot].bytes : nil }) { return known }
        let bytes: [UInt8] = try Cairn_V1_WatchResponse.with { $0.events = [event.wire] }.serializedBytes()
        if bytes.count <= EventEncodings.bytesPerEvent {
            ring.withLock { $0[slot] = Slot(ref: event.ref, bytes: bytes) }
        }
        return bytes
    }
}
