internal import Glibc

/// Where in a question's way a proxy cuts the connection. To the client all look the same: a reset.
public enum CutPoint: Hashable, Sendable, CaseIterable {
    /// The server gets what came before the pattern, and neither the pattern nor what follows.
    case beforeForwarding
    /// The server gets the pattern and all that the client sent with it; its answer is thrown away.
    case afterForwarding
    /// The server has answered; the answer is thrown away.
    case beforeAnswer
}

/// Which questions a proxy cuts, and where.
struct CutRule: Sendable {
    let pattern: [UInt8]
    let points: [CutPoint]
    let oneIn: Int
    /// How many more it cuts.
    var left: Int
    /// What the awaited answer contains; any answer will do if it's nil.
    let answer: [UInt8]?
    private var random: UInt64

    init(pattern: [UInt8], points: [CutPoint], oneIn: Int, left: Int, answer: [UInt8]?, seed: UInt64) {
        self.pattern = pattern
        self.points = points
        self.oneIn = max(1, oneIn)
        self.left = left
        self.answer = answer
        random = seed
    }

    /// Where to cut at the next occurrence of the pattern; nil to let it pass. The seed decides.
    mutating func nextCut() -> CutPoint? {
        let (chance, choice) = (next(), next())
        guard left > 0, !points.isEmpty, chance % UInt64(oneIn) == 0 else { return nil }
        left -= 1
        return points[Int(choice % UInt64(points.count))]
    }

    /// SplitMix64.
    private mutating func next() -> UInt64 {
        random &+= 0x9E37_79B9_7F4A_7C15
        var word = random
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

/// Finds a pattern in a stream of bytes, also where it is spread over several pieces.
struct PatternScanner: Sendable {
    /// What the last pieces ended with, that a match may begin with.
    private var tail: [UInt8] = []

    init() {}

    /// Where the matches that end in this piece end: an index in `piece` each. A match may begin before the piece.
    mutating func matchEnds(of pattern: [UInt8], in piece: [UInt8]) -> [Int] {
        guard let first = pattern.first else { return [] }
        let text = tail + piece
        var ends: [Int] = []
        var from = 0
        // The pointer lives only during the call.
        text.withUnsafeBytes { bytes in
            while from + pattern.count <= bytes.count, let base = bytes.baseAddress,
                let found = memchr(base + from, Int32(first), bytes.count - from)
            {
                let start = base.distance(to: UnsafeRawPointer(found))
                guard start + pattern.count <= bytes.count else { break }
                from = start + 1
                if pattern.elementsEqual(bytes[start..<start + pattern.count]) {
                    from = start + pattern.count
                    ends.append(from - tail.count)
                }
            }
        }
        // What a match has used can't be part of the next.
        tail = Array(text[max(from, text.count - pattern.count + 1)...])
        return ends
    }
}
