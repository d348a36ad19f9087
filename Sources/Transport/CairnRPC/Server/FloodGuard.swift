package import NIOCore

/// Counts the frames that cost a server more than their sender, and says when a peer sends too many.
///
/// One token bucket for each kind, and for frames that answer what the server itself sends, as many more as it allows
/// with ``earn(_:_:)``. A pure count: the caller brings the time.
package struct FloodGuard {
    /// A kind of frame that is counted.
    package enum Kind: Int, CaseIterable, Sendable {
        case ping
        case reset
        case settings
        case emptyData
        case windowUpdate
        /// Requests beyond the limit on streams.
        case refusal
        case odd
    }

    private struct Bucket {
        var rate: RPCLimits.Rate
        var tokens: Double
        /// Frames that were earned, and that don't wear off.
        var earned = 0
        var refilledAt: NIODeadline
    }

    private var buckets: [Bucket]

    package init(_ limits: RPCLimits, now: NIODeadline) {
        buckets = Kind.allCases.map { kind in
            let rate =
                switch kind {
                case .ping: limits.pings
                case .reset: limits.resets
                case .settings: limits.settings
                case .emptyData: limits.emptyData
                case .windowUpdate: limits.windowUpdates
                case .refusal: limits.refusals
                case .odd: limits.oddFrames
                }
            return Bucket(rate: rate, tokens: Double(rate.burst), refilledAt: now)
        }
    }

    /// Lets the peer send `count` more frames of a kind, whenever it likes.
    package mutating func earn(_ kind: Kind, _ count: Int) { buckets[kind.rawValue].earned += count }

    /// Counts a frame; `false` if it is one too many.
    package mutating func allows(_ kind: Kind, now: NIODeadline) -> Bool {
        let index = kind.rawValue
        guard buckets[index].earned == 0 else {
            buckets[index].earned -= 1
            return true
        }
        var bucket = buckets[index]
        let elapsed = Double((now - bucket.refilledAt).nanoseconds) / 1e9
        bucket.tokens = min(Double(bucket.rate.burst), bucket.tokens + elapsed * Double(bucket.rate.perSecond))
        bucket.refilledAt = now
        defer { buckets[index] = bucket }
        guard bucket.tokens >= 1 else { return false }
        bucket.tokens -= 1
        return true
    }
}
