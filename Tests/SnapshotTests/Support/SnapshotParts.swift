/// The header and the chunks of a snapshot, by the lengths that they tell.
struct SnapshotParts {
    let header: [UInt8]
    var parts: [[UInt8]] = []

    init(_ bytes: [UInt8]) {
        var offset = 70 + Int(bytes[13]) + 32
        header = Array(bytes[..<offset])
        while offset < bytes.count {
            let length = (0..<4).reduce(0) { $0 | Int(bytes[offset + 16 + $1]) << (8 * $1) }
            parts.append(Array(bytes[offset..<offset + 20 + length + 32]))
            offset += 20 + length + 32
        }
    }
}
