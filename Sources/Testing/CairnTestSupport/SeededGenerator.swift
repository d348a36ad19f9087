internal import Foundation

/// Random numbers that a seed repeats: SplitMix64.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The numbers of `seed`.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// A number from 0 up to, but not including, `bound`. Cheaper than the standard library's, and as good for a test.
    public mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(bound)) }

    /// True once in `count` times.
    public mutating func once(in count: Int) -> Bool { below(count) == 0 }

    /// One of `choices`.
    public mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }
}

/// What the environment says of a random test.
public enum RandomRun {
    /// `CAIRN_SEED`, or a seed that differs from run to run. Say it when a test fails.
    public static let seed: UInt64 =
        ProcessInfo.processInfo.environment["CAIRN_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1 << 48)

    /// `CAIRN_HISTORIES`, or `standard`.
    public static func histories(_ standard: Int) -> Int {
        ProcessInfo.processInfo.environment["CAIRN_HISTORIES"].flatMap { Int($0) } ?? standard
    }
}
