package import CairnKeyspace
package import CairnMemory
package import CairnModel
internal import Crypto
internal import Foundation

/// Reads a snapshot a chunk at a time, and believes nothing that it has not checked.
///
/// What is broken is told with ``CairnModel/StoreError/Code/corrupted``, in words that say which part it is.
package struct SnapshotReader {
    /// What the snapshot begins with.
    package let header: SnapshotHeader
    private var source: PieceReader
    private let sealer: ChunkSealer?
    private let headerHash: [UInt8]
    private var index: UInt32 = 0
    private var section = Section.records
    private var totals: [Section: Int64] = [:]

    /// The header alone, for who has no key.
    package static func header(
        of snapshot: StoredSnapshot, in store: any SnapshotStore
    ) throws(StoreError) -> SnapshotHeader {
        var source = PieceReader(store, snapshot)
        return try PlacedErrors.at("the header") { () throws(StoreError) in
            let (header, _) = try SnapshotHeader.read(try source.peek(SnapshotHeader.mostBytes))
            guard header.server == snapshot.name.server, header.time == snapshot.name.time else {
                throw StoreError(.corrupted, "it is a snapshot of \(header.server) at another time")
            }
            return header
        }
    }

    /// Reads the header, and checks that the key is there if it needs one.
    ///
    /// Throws ``CairnModel/StoreError/Code/permissionDenied`` if it is encrypted and there is no key.
    package init(_ snapshot: StoredSnapshot, in store: any SnapshotStore, key: SnapshotKey?) throws(StoreError) {
        header = try SnapshotReader.header(of: snapshot, in: store)
        source = PieceReader(store, snapshot)
        let bytes = try source.take(header.encoded.count)
        headerHash = Array(SHA256.hash(data: bytes))
        if header.isEncrypted, key == nil {
            throw StoreError(.permissionDenied, "it is encrypted; give the key that it was made with")
        }
        sealer = header.isEncrypted ? key?.sealer(salt: header.salt) : nil
    }

    /// Reads all of it, and makes an engine of it, and a table of the use of `keyMetricsCapacity` keys: `nil` for none.
    /// The table is empty if the snapshot doesn't tell of that.
    ///
    /// Throws ``CairnModel/StoreError/Code/permissionDenied`` if it was encrypted with another key.
    package consuming func restore(
        keyMetricsCapacity: Int = 0
    ) throws(StoreError) -> (engine: MemoryEngine, keyMetrics: KeyMetricsTable?) {
        var restoration = try MemoryRestoration(header.head)
        var keyMetrics = KeyMetricsRestoration(capacity: keyMetricsCapacity)
        while let (chunk, plain) = try nextChunk() {
            try PlacedErrors.at(place(of: chunk)) { () throws(StoreError) in
                var reader = EntryReader(plain)
                for _ in 0..<chunk.entries {
                    if chunk.section == .keyMetrics {
                        let (key, metrics) = try reader.keyMetrics()
                        try keyMetrics.add(key, metrics)
                    } else {
                        try restoration.add(chunk.section, from: &reader)
                    }
                }
                guard reader.isAtEnd else { throw StoreError(.corrupted, "there is more than its entries") }
            }
        }
        return (try restoration.finish(), keyMetrics.finish())
    }

    /// The next chunk, or `nil` when the last was read and everything is as the snapshot says at its end.
    private mutating func nextChunk() throws(StoreError) -> (ChunkHeader, [UInt8])? {
        let start = source.offset
        let place = "chunk \(index), at byte \(start)"
        let chunk = try PlacedErrors.at(place) { () throws(StoreError) in try self.readChunk() }
        guard chunk.header.section == .end else { return chunk }
        try PlacedErrors.at(self.place(of: chunk.header)) { () throws(StoreError) in
            var reader = EntryReader(chunk.plain)
            for section in Section.counted(withKeyMetrics: header.hasKeyMetrics) {
                let expected = try reader.number()
                let found = totals[section] ?? 0
                guard expected == found else {
                    throw StoreError(.corrupted, "there are \(found) \(section.name), and there were \(expected)")
                }
            }
            guard reader.isAtEnd, chunk.header.entries == 1 else {
                throw StoreError(.corrupted, "it doesn't end as it should")
            }
            guard source.isAtEnd else { throw StoreError(.corrupted, "there is something after its end") }
        }
        return nil
    }

    private mutating func readChunk() throws(StoreError) -> (header: ChunkHeader, plain: [UInt8]) {
        let headerBytes = try source.take(ChunkHeader.byteCount)
        guard let header = ChunkHeader(headerBytes), header.index == index, header.section.order >= section.order,
            header.section != .keyMetrics || self.header.hasKeyMetrics
        else { throw StoreError(.corrupted, "its beginning makes no sense") }
        let payload = try source.take(Int(header.payloadBytes))
        let checksum = try source.take(SnapshotHeader.checksumBytes)
        var hash = SHA256()
        hash.update(data: headerHash)
        hash.update(data: headerBytes)
        hash.update(data: payload)
        guard Array(hash.finalize()) == checksum else {
            throw StoreError(.corrupted, "the \(header.section.name) in it don't match their checksum")
        }
        index += 1
        section = header.section
        if section != .end { totals[section, default: 0] += Int64(header.entries) }
        return (header, try plain(header, payload, vouchedBy: headerHash + headerBytes))
    }

    private func plain(
        _ header: ChunkHeader, _ payload: [UInt8], vouchedBy context: [UInt8]
    ) throws(StoreError) -> [UInt8] {
        var payload = payload
        if let sealer {
            guard let opened = sealer.open(payload, index: header.index, vouchingFor: context) else {
                // Its checksum is right, so these are the bytes that were written.
                throw StoreError(.permissionDenied, "the key is not the one that it was encrypted with")
            }
            payload = opened
        }
        let plain: [UInt8]? =
            switch header.packing {
            case .none: payload
            case .zlib: Zlib.unpack(payload, count: Int(header.plainBytes))
            }
        guard let plain, plain.count == Int(header.plainBytes) else {
            throw StoreError(.corrupted, "what it packs can't be unpacked")
        }
        return plain
    }

    private func place(of chunk: ChunkHeader) -> String { "chunk \(chunk.index) (\(chunk.section.name))" }
}

/// Adds to an error where in a snapshot it was met.
private enum PlacedErrors {
    static func at<Result>(
        _ place: String, _ body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        do throws(StoreError) {
            return try body()
        } catch {
            var placed = error
            placed.message = "\(place): \(error.message)"
            throw placed
        }
    }
}

/// A snapshot's bytes in order, read piece by piece.
private struct PieceReader {
    private let store: any SnapshotStore
    private let snapshot: StoredSnapshot
    private var buffer: [UInt8] = []
    private var position = 0
    private var nextPiece = 0
    /// How many bytes were taken.
    private(set) var offset: Int64 = 0

    init(_ store: any SnapshotStore, _ snapshot: StoredSnapshot) {
        self.store = store
        self.snapshot = snapshot
    }

    var isAtEnd: Bool { offset == snapshot.byteCount }

    /// The next `count` bytes. Throws if there are fewer: nothing is set aside for what isn't there.
    mutating func take(_ count: Int) throws(StoreError) -> [UInt8] {
        guard Int64(count) <= snapshot.byteCount - offset else { throw PieceReader.short }
        while buffer.count - position < count {
            guard try readPiece() else { throw PieceReader.short }
        }
        defer {
            position += count
            offset += Int64(count)
        }
        return Array(buffer[position..<position + count])
    }

    /// At most so many of the first bytes.
    mutating func peek(_ count: Int) throws(StoreError) -> [UInt8] {
        while buffer.count < count, try readPiece() {}
        return Array(buffer.prefix(count))
    }

    private mutating func readPiece() throws(StoreError) -> Bool {
        let piece = try store.read(snapshot.name, piece: nextPiece)
        guard !piece.isEmpty else { return false }
        nextPiece += 1
        buffer.removeFirst(position)
        position = 0
        buffer.append(contentsOf: piece)
        return true
    }

    private static let short = StoreError(.corrupted, "the snapshot ends within it")
}

extension MemoryRestoration {
    /// Takes the next entry of a chunk.
    fileprivate mutating func add(_ section: Section, from reader: inout EntryReader) throws(StoreError) {
        switch section {
        case .records: try add(try reader.record())
        case .leases: try add(try reader.lease())
        case .locks: try add(try reader.lock())
        case .consumers: try add(try reader.consumer())
        case .results:
            let (id, result, time) = try reader.result()
            add(result, of: id, at: time)
        case .events: try add(try reader.event())
        case .keyMetrics, .end: break
        }
    }
}
