/// A dictionary from paths to values that is looked up by the bytes on the wire, without making a string of them.
package struct PathTable<Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        var path: [UInt8]
        var value: Value
    }

    private var slots: [Slot?] = Array(repeating: nil, count: 8)
    private var count = 0

    package init() {}

    package var values: [Value] { slots.compactMap { $0?.value } }

    /// Adds a value; `false` if the path has one.
    package mutating func insert(_ value: Value, path: String) -> Bool {
        let bytes = Array(path.utf8)
        // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
        let isTaken = bytes.withUnsafeBufferPointer { self[$0] != nil }
        guard !isTaken else { return false }
        if (count + 1) * 2 > slots.count {
            let old = slots.compactMap { $0 }
            slots = Array(repeating: nil, count: slots.count * 2)
            for slot in old { place(slot) }
        }
        place(Slot(path: bytes, value: value))
        count += 1
        return true
    }

    package subscript(path: UnsafeBufferPointer<UInt8>) -> Value? {
        var index = Self.hash(path) & (slots.count - 1)
        while let slot = slots[index] {
            let isSame = slot.path.withUnsafeBufferPointer { known in
                known.count == path.count && known.indices.allSatisfy { known[$0] == path[$0] }
            }
            if isSame { return slot.value }
            index = (index + 1) & (slots.count - 1)
        }
        return nil
    }

    private mutating func place(_ slot: Slot) {
        var index = slot.path.withUnsafeBufferPointer { Self.hash($0) } & (slots.count - 1)
        while slots[index] != nil { index = (index + 1) & (slots.count - 1) }
        slots[index] = slot
    }

    /// FNV-1a. The table's keys are the program's own, so nobody can make them collide.
    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: hash ^ (hash >> 32))
    }
}
