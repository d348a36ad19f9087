internal import CairnModel

/// How much of the log is kept. Records always stay; what goes are events.
public struct Retention: Hashable, Sendable {
    /// The most events to keep, or `nil` for all. The log may for a while hold a tenth more.
    public var maxEvents: Int?
    /// The age after which events go, or `nil` for never.
    public var maxAge: Duration?

    /// Keeps at most `maxEvents` events, none older than `maxAge`.
    public init(maxEvents: Int? = nil, maxAge: Duration? = nil) {
        self.maxEvents = maxEvents
        self.maxAge = maxAge
    }

    /// Keeps every event.
    public static let unlimited = Retention()

    /// The oldest event to keep by number, if enough others can go to be worth a compaction.
    func oldestByCount(head: Head) -> Ref? {
        guard let maxEvents else { return nil }
        let kept = head.lastRef.rawValue - head.oldestRef.rawValue + 1
        guard kept > Int64(maxEvents) + Int64(maxEvents / 10) else { return nil }
        return Ref(head.lastRef.rawValue - Int64(maxEvents) + 1)
    }

    /// The oldest event to keep by age: the first that is not older than ``maxAge`` at `now`. `time` tells an event's
    /// time; times ascend.
    func oldestByAge(
        head: Head, now: Timestamp, time: (Ref) throws(StoreError) -> Timestamp?
    ) throws(StoreError) -> Ref? {
        guard let maxAge, head.oldestRef <= head.lastRef else { return nil }
        let limit = now + (.zero - maxAge)
        var low = head.oldestRef
        var high = head.lastRef.next
        while low < high {
            let middle = Ref((low.rawValue + high.rawValue) / 2)
            if let time = try time(middle), time >= limit { high = middle } else { low = middle.next }
        }
        return low > head.oldestRef ? low : nil
    }
}
