package import CairnKeyspace
package import CairnMemory
package import CairnModel
internal import Crypto
internal import Foundation

/// Writes a cut as a snapshot, a chunk at a time: it never holds more than one.
package struct SnapshotWriter {
    /// The size at which a chunk is full, unless one entry alone is larger.
    private static let chunkBytes = 256 << 10

    private let sink: any SnapshotSink
    private let sealer: ChunkSealer?
    private let headerHash: [UInt8]
    private let hasKeyMetrics: Bool
    private var entries = EntryWriter()
    private var entryCount: UInt32 = 0
    private var section = Section.records
    private var index: UInt32 = 0
    private var totals: [Section: Int64] = [:]
    /// How many bytes were put.
    private var byteCount: Int64 = 0

    /// Writes all of `cut`, and how keys are used if `keyMetrics` has that, and returns how many bytes it took.
    package static func write(
        _ cut: MemoryCut, _ header: SnapshotHeader, keyMetrics: KeyMetricsTable? = nil, key: SnapshotKey?,
        to sink: any SnapshotSink
    ) throws(StoreError) -> Int64 {
        var header = header
        header.hasKeyMetrics = keyMetrics != nil
        var writer = try SnapshotWriter(header, key: key, to: sink)
        try cut.forEachRecord { (record) throws(StoreError) in try writer.add(.records) { $0.write(record) } }
        try cut.forEachLease { (lease) throws(StoreError) in try writer.add(.leases) { $0.write(lease) } }
        try cut.forEachLock { (lock) throws(StoreError) in try writer.add(.locks) { $0.write(lock) } }
        try cut.forEachConsumer { (consumer) throws(StoreError) in
            try writer.add(.consumers) { $0.write(consumer) }
        }
        try cut.forEachResult { (id, result, time) throws(StoreError) in
            try writer.add(.results) { $0.write(result, of: id, at: time) }
        }
        try cut.forEachEvent { (event) throws(StoreError) in try writer.add(.events) { $0.write(event) } }
        try keyMetrics?.forEachKey { (key, metrics) throws(StoreError) in
            try writer.add(.keyMetrics) { $0.write(metrics, of: key) }
        }
        return try writer.finish()
    }

    private init(_ header: SnapshotHeader, key: SnapshotKey?, to sink: any SnapshotSink) throws(StoreError) {
        self.sink = sink
        sealer = key?.sealer(salt: header.salt)
        let bytes = header.encoded
        headerHash = Array(SHA256.hash(data: bytes))
        hasKeyMetrics = header.hasKeyMetrics
        byteCount = Int64(bytes.count)
        try sink.put(bytes)
    }

    private mutating func add(_ section: Section, _ write: (inout EntryWriter) -> Void) throws(StoreError) {
        if section != self.section { try flush() }
        self.section = section
        write(&entries)
        entryCount += 1
        totals[section, default: 0] += 1
        if entries.bytes.count >= SnapshotWriter.chunkBytes { try flush() }
    }

    private mutating func finish() throws(StoreError) -> Int64 {
        try flush()
        section = .end
        for section in Section.counted(withKeyMetrics: hasKeyMetrics) { entries.write(totals[section] ?? 0) }
        entryCount = 1
        try flush()
        return byteCount
    }

    private mutating func flush() throws(StoreError) {
        guard entryCount > 0 else { return }
        let plain = entries.bytes
        let packed = Zlib.pack(plain)
        var payload = packed ?? plain
        let payloadBytes = payload.count + (sealer == nil ? 0 : ChunkSealer.tagBytes)
        guard let plainCount = UInt32(exactly: plain.count), let payloadCount = UInt32(exactly: payloadBytes) else {
            throw StoreError(.internal, "an entry of \(plain.count) bytes is too large for a snapshot")
        }
        let header = ChunkHeader(
            section: section, packing: packed == nil ? .none : .zlib, index: index, entries: entryCount,
            plainBytes: plainCount, payloadBytes: payloadCount
        ).encoded
        if let sealer { payload = try sealer.seal(payload, index: index, vouchingFor: headerHash + header) }
        var hash = SHA256()
        hash.update(data: headerHash)
        hash.update(data: header)
        hash.update(data: payload)
        let checksum = Array(hash.finalize())
        for part in [header, payload, checksum] {
            try sink.put(part)
            byteCount += Int64(part.count)
        }
        index += 1
        entryCount = 0
        entries.removeAll()
    }
}
