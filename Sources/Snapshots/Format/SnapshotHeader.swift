package import CairnKeyspace
package import CairnModel
internal import Crypto
internal import Foundation

/// What a snapshot begins with: whose it is and where its log stood. `docs/formats/snapshot.md` has its layout.
package struct SnapshotHeader: Hashable, Sendable {
    /// The newest version of the format that this program reads. It writes version 1 where that has all there is.
    package static let version: UInt16 = 2
    /// `CAIRNSNP`.
    static let magic = Array("CAIRNSNP".utf8)
    /// The bytes before the server's name.
    private static let fixedBytes = 70
    static let checksumBytes = 32
    /// The most that a header takes.
    static let mostBytes = fixedBytes + 64 + checksumBytes

    /// The server's name.
    package var server: String
    /// When the cut was made.
    package var time: Timestamp
    /// What for.
    package var occasion: Snapshot.Occasion
    /// Whether the chunks are encrypted.
    package var isEncrypted: Bool
    /// Sixteen bytes that no other snapshot has: what tells its chunks from another's, and makes its key its own.
    package var salt: [UInt8]
    /// Where the log stood.
    package var head: Head
    /// Whether there is a section of metrics of keys, which makes it version 2.
    package var hasKeyMetrics: Bool

    /// A header with each of its fields.
    package init(
        server: String, time: Timestamp, occasion: Snapshot.Occasion, isEncrypted: Bool, salt: [UInt8], head: Head,
        hasKeyMetrics: Bool = false
    ) {
        self.server = server
        self.time = time
        self.occasion = occasion
        self.isEncrypted = isEncrypted
        self.salt = salt
        self.head = head
        self.hasKeyMetrics = hasKeyMetrics
    }

    /// The header with its checksum.
    var encoded: [UInt8] {
        var bytes = SnapshotHeader.magic
        bytes.append(littleEndian: UInt16(hasKeyMetrics ? 2 : 1))
        bytes.append(littleEndian: UInt16(isEncrypted ? 1 : 0))
        bytes.append(occasion.rawValue)
        bytes.append(UInt8(server.utf8.count))
        bytes.append(contentsOf: salt)
        for number in [
            time.rawValue, head.lastRef.rawValue, head.oldestRef.rawValue, head.lastLeaseID.rawValue,
            head.time.rawValue,
        ] {
            bytes.append(littleEndian: number)
        }
        bytes.append(contentsOf: server.utf8)
        return bytes + Array(SHA256.hash(data: bytes))
    }

    /// Reads a header from the beginning of a snapshot. Returns it and how many bytes it has.
    ///
    /// Throws ``CairnModel/StoreError/Code/corrupted``, or ``CairnModel/StoreError/Code/formatTooNew`` for a header
    /// that is whole and of a later version.
    static func read(_ bytes: [UInt8]) throws(StoreError) -> (header: SnapshotHeader, byteCount: Int) {
        guard bytes.count >= fixedBytes else { throw broken("it ends within its header") }
        guard bytes.starts(with: magic) else { throw broken("it doesn't begin as snapshots do") }
        let nameBytes = Int(bytes[13])
        let end = fixedBytes + nameBytes
        guard bytes.count >= end + checksumBytes else { throw broken("it ends within its header") }
        guard Array(SHA256.hash(data: bytes[..<end])) == Array(bytes[end..<end + checksumBytes]) else {
            throw broken("its header doesn't match its checksum")
        }
        let version: UInt16 = bytes.number(at: 8)
        guard version <= SnapshotHeader.version else {
            throw StoreError(
                .formatTooNew,
                "it has format \(version), and this version of Cairn knows formats up to \(SnapshotHeader.version); "
                    + "use a newer Cairn")
        }
        let flags: UInt16 = bytes.number(at: 10)
        guard version >= 1, flags <= 1, let occasion = Snapshot.Occasion(rawValue: bytes[12]),
            let server = String(validating: bytes[fixedBytes..<end], as: UTF8.self)
        else { throw broken("its header makes no sense") }
        func number(_ index: Int) -> Int64 { bytes.number(at: 30 + index * 8) }
        let head = Head(
            lastRef: Ref(number(1)), oldestRef: Ref(number(2)), lastLeaseID: LeaseID(number(3)),
            time: Timestamp(microseconds: number(4)))
        let header = SnapshotHeader(
            server: server, time: Timestamp(microseconds: number(0)), occasion: occasion, isEncrypted: flags == 1,
            salt: Array(bytes[14..<30]), head: head, hasKeyMetrics: version >= 2)
        return (header, end + checksumBytes)
    }

    private static func broken(_ what: String) -> StoreError { StoreError(.corrupted, what) }
}

extension [UInt8] {
    mutating func append(littleEndian number: some FixedWidthInteger) {
        for shift in 0..<number.bitWidth / 8 { append(UInt8(truncatingIfNeeded: number >> (shift * 8))) }
    }

    /// A number in little-endian order.
    func number<Number: FixedWidthInteger>(at offset: Int) -> Number {
        var number: Number = 0
        for shift in 0..<Number.bitWidth / 8 {
            number |= Number(truncatingIfNeeded: self[offset + shift]) << (shift * 8)
        }
        return number
    }
}
