package import CairnModel
package import CairnProtocol
internal import SwiftProtobuf

// Snapshots, to and from their messages.

extension Snapshot {
    /// The snapshot that a message tells of.
    package init(wire message: Cairn_V1_Snapshot) {
        self.init(
            name: message.name, time: Timestamp(microseconds: message.timeUs), headRef: Ref(message.headRef),
            // A later version's occasion was somebody's wish, as far as we know.
            occasion: Occasion(rawValue: UInt8(clamping: message.occasion.rawValue)) ?? .request,
            isEncrypted: message.encrypted, byteCount: message.sizeBytes)
    }

    /// The snapshot as a message.
    package var wire: Cairn_V1_Snapshot {
        .with {
            $0.name = name
            $0.timeUs = time.rawValue
            $0.headRef = headRef.rawValue
            $0.occasion = Cairn_V1_Snapshot.Occasion(rawValue: Int(occasion.rawValue)) ?? .unspecified
            $0.encrypted = isEncrypted
            $0.sizeBytes = byteCount
        }
    }
}
