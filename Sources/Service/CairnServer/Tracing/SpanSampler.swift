internal import CairnModel
internal import Synchronization

/// Which spans are recorded, and their ids. A part of a trace is recorded if its parent is; of new traces, a share.
package struct SamplingRule: Hashable, Sendable {
    /// The share of new traces, 0 to 1.
    package let ratio: Double

    /// Of new traces, this share is recorded.
    package init(ratio: Double) { self.ratio = min(max(ratio, 0), 1) }

    /// Whether a new trace is recorded: a matter of its id, so that all who look at it decide the same.
    package func takes(traceIDLow: UInt64) -> Bool {
        // The lowest 56 bits are those that are random by W3C's rules, and fit a double's mantissa well enough.
        Double(traceIDLow & (1 << 56 - 1)) < ratio * Double(1 << 56)
    }
}

/// Makes ids without asking the operating system each time. They need to be different, not secret.
final class SpanIDs: Sendable {
    private let state: Atomic<UInt64>

    /// Ids that begin anywhere.
    init() { state = Atomic(UInt64.random(in: 0 ... .max)) }

    /// A number that isn't 0 (SplitMix64, whose state is one addition, so that threads can share it).
    func next() -> UInt64 {
        let step: UInt64 = 0x9E37_79B9_7F4A_7C15
        var mixed = state.wrappingAdd(step, ordering: .relaxed).newValue
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return mixed == 0 ? 1 : mixed
    }
}
