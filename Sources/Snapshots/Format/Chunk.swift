internal import CairnModel

/// What a part of a snapshot holds. Sections come in this order, which isn't that of their numbers.
enum Section: UInt8, CaseIterable {
    case records = 1
    case leases = 2
    case locks = 3
    case consumers = 4
    case results = 5
    case events = 6
    /// Not in every snapshot; see ``SnapshotHeader/hasKeyMetrics``.
    case keyMetrics = 8
    /// How many entries each of the others has: a snapshot without it was cut short.
    case end = 7

    var name: String { self == .keyMetrics ? "metrics of keys" : "\(self)" }

    /// The sections that a snapshot can have besides its end.
    static func counted(withKeyMetrics hasKeyMetrics: Bool) -> [Section] {
        allCases.filter { $0 != .end && ($0 != .keyMetrics || hasKeyMetrics) }
    }

    /// The section's place among all.
    var order: Int { Section.allCases.firstIndex(of: self) ?? 0 }
}

/// What stands before the bytes of a chunk.
struct ChunkHeader {
    static let byteCount = 20

    /// How the bytes of a chunk are packed.
    enum Packing: UInt8 {
        case none = 0
        case zlib = 1
    }

    var section: Section
    var packing: Packing
    /// The chunk's place in the snapshot, from 0.
    var index: UInt32
    /// How many entries it has.
    var entries: UInt32
    /// The size of its entries, unpacked.
    var plainBytes: UInt32
    /// The size of what follows the header, before the checksum.
    var payloadBytes: UInt32

    var encoded: [UInt8] {
        var bytes = [section.rawValue, packing.rawValue, 0, 0]
        for number in [index, entries, plainBytes, payloadBytes] { bytes.append(littleEndian: number) }
        return bytes
    }

    /// Reads a header; `nil` if it makes no sense.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == ChunkHeader.byteCount, let section = Section(rawValue: bytes[0]),
            let packing = Packing(rawValue: bytes[1]), bytes[2] == 0, bytes[3] == 0
        else { return nil }
        self.section = section
        self.packing = packing
        index = bytes.number(at: 4)
        entries = bytes.number(at: 8)
        plainBytes = bytes.number(at: 12)
        payloadBytes = bytes.number(at: 16)
    }

    init(
        section: Section, packing: Packing, index: UInt32, entries: UInt32, plainBytes: UInt32, payloadBytes: UInt32
    ) {
        self.section = section
        self.packing = packing
        self.index = index
        self.entries = entries
        self.plainBytes = plainBytes
        self.payloadBytes = payloadBytes
    }
}
