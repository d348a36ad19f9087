/// Numbers in as few bytes as they need, one after the other: seven bits a byte from the lowest, the eighth says that
/// more follow.
///
/// A negative number takes ``longest`` bytes; there are none where nothing is wrong. Reader and writer go along a
/// pointer to memory that is their caller's, and live no longer than its closure around it.
enum PackedNumbers {
    /// The most bytes that a number takes.
    static let longest = 10

    /// Writes numbers to memory that must have room for them.
    struct Writer {
        private let start: UnsafeMutablePointer<UInt8>
        /// How many bytes were written.
        private(set) var count = 0

        init(_ start: UnsafeMutablePointer<UInt8>) { self.start = start }

        mutating func put(_ number: Int64) {
            var rest = UInt64(bitPattern: number)
            while rest >= 0x80 {
                start[count] = UInt8(truncatingIfNeeded: rest) | 0x80
                count += 1
                rest >>= 7
            }
            start[count] = UInt8(rest)
            count += 1
        }
    }

    /// Reads what a ``Writer`` wrote, and nothing else.
    struct Reader {
        /// Behind what was read.
        private(set) var place: UnsafePointer<UInt8>

        init(_ place: UnsafePointer<UInt8>) { self.place = place }

        mutating func next() -> Int64 {
            var number: UInt64 = 0
            var shift: UInt64 = 0
            while true {
                let byte = place.pointee
                place += 1
                number |= UInt64(byte & 0x7F) &<< shift
                if byte < 0x80 { return Int64(bitPattern: number) }
                shift += 7
            }
        }
    }
}
