import CairnModel

/// What there is to tell of a key, as JSON; times left in milliseconds.
struct InspectionLine: Encodable {
    var key: String?
    var keyBase64: String?
    var value: String?
    var valueBase64: String?
    var size: Int
    var hash: UInt64
    var contentType: String?
    var contentTypeGiven: Bool?
    var version: Int64
    var createdVersion: Int64
    var createdRef: Int64
    var updatedRef: Int64
    var createdAt: String?
    var updatedAt: String?
    var lease: LeaseLine
    var lifespan: Bool
    var lock: LockLine?
    var metrics: MetricsLine?

    init(_ inspection: KeyInspection, _ metrics: KeyMetrics?, withValue: Bool) {
        let record = inspection.record
        (key, keyBase64) = texts(record.key.bytes)
        if withValue { (value, valueBase64) = texts(record.value.content) }
        size = inspection.size
        hash = inspection.hash
        contentType = inspection.contentType
        contentTypeGiven = contentType == nil ? nil : inspection.isContentTypeGiven
        version = record.version
        createdVersion = record.createdVersion
        createdRef = record.createdRef.rawValue
        updatedRef = record.updatedRef.rawValue
        createdAt = inspection.createdAt?.text
        updatedAt = inspection.updatedAt?.text
        lease = LeaseLine(inspection.lease.lease, timeLeft: inspection.lease.timeLeft)
        lifespan = record.leaseID.isLifespan
        lock = inspection.lock.map { LockLine($0.lock, timeLeft: $0.timeLeft) }
        self.metrics = metrics.map(MetricsLine.init)
    }
}

/// How a key was used, as JSON.
struct MetricsLine: Encodable {
    struct Activity: Encodable {
        var count: Int64
        var first: String?
        var last: String?

        init(_ activity: KeyActivity) {
            count = activity.count
            first = activity.first?.text
            last = activity.last?.text
        }
    }

    var accesses: Activity
    var sets: Activity
    var locks: Activity

    init(_ metrics: KeyMetrics) {
        accesses = Activity(metrics.accesses)
        sets = Activity(metrics.sets)
        locks = Activity(metrics.locks)
    }
}

/// A key that is used much just now, as JSON.
struct HotKeyLine: Encodable {
    var key: String?
    var keyBase64: String?
    var usesPerSecond: Double
    var metrics: MetricsLine

    init(_ hot: HotKey) {
        (key, keyBase64) = texts(hot.key.bytes)
        usesPerSecond = hot.usesPerSecond
        metrics = MetricsLine(hot.metrics)
    }
}

/// What there is to tell of a key, for people: a name, a tab, and what it is.
enum InspectionText {
    static func lines(_ inspection: KeyInspection, withValue: Bool) -> [String] {
        let record = inspection.record
        let hash = String(inspection.hash, radix: 16)
        var fields: [(String, String?)] = [
            ("key", TextLines.printable(record.key.bytes)),
            ("size", "\(inspection.size)"),
            ("hash", String(repeating: "0", count: 16 - hash.count) + hash),
            ("type", type(inspection)),
            ("version", "\(record.version), created at \(record.createdVersion)"),
            ("created", at(record.createdRef, inspection.createdAt)),
            ("updated", at(record.updatedRef, inspection.updatedAt)),
            ("lease", lease(inspection.lease)),
            ("lock", inspection.lock.map(lock)),
        ]
        if withValue { fields.append(("value", TextLines.printable(record.value.content))) }
        return fields.compactMap { name, text in text.map { "\(name)\t\($0)" } }
    }

    static func lines(_ metrics: KeyMetrics) -> [String] {
        [("accesses", metrics.accesses), ("sets", metrics.sets), ("locks", metrics.locks)].map { name, activity in
            let times = [activity.first, activity.last].compactMap { $0?.text }
            return ([name, "\(activity.count)"] + times).joined(separator: "\t")
        }
    }

    static func line(_ hot: HotKey) -> String {
        let metrics = hot.metrics
        return TextLines.printable(hot.key.bytes) + "\t\(StatsText.tenths(hot.usesPerSecond))/s\taccesses "
            + "\(metrics.accesses.count), sets \(metrics.sets.count), locks \(metrics.locks.count)"
    }

    /// The content type, and where it is from.
    private static func type(_ inspection: KeyInspection) -> String? {
        inspection.contentType.map { type in
            TextLines.printable(type.utf8) + (inspection.isContentTypeGiven ? " (given)" : " (detected)")
        }
    }

    private static func at(_ ref: Ref, _ time: Timestamp?) -> String {
        "ref \(ref)" + (time.map { ", \($0.text)" } ?? "")
    }

    private static func lease(_ status: LeaseStatus) -> String {
        let end = status.timeLeft.map { "expires in \($0.text)" } ?? "no deadline"
        guard status.lease.id.isLifespan, let lifespan = status.lease.duration else {
            return "\(status.lease.id), \(end)"
        }
        return "\(status.lease.id), \(end) of \(lifespan.text)"
    }

    private static func lock(_ status: LockStatus) -> String {
        "token \(status.lock.token), \(status.lock.mode), by \(TextLines.printable(Array(status.lock.owner.utf8))), "
            + "ends in \(status.timeLeft.text)"
    }
}
