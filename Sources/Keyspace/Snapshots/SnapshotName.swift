public import CairnModel

/// The name of a snapshot: whose it is, and of when. Sorts by server, then by time.
public struct SnapshotName: Hashable, Comparable, Sendable {
    /// The server's name: 1 to 64 letters, digits, `-`, `_` or `.` of ASCII, not beginning with `.`.
    public let server: String
    /// When it was made, to the microsecond. No two snapshots of a server have the same.
    public let time: Timestamp

    /// The name of a snapshot of `server`, which must be a name that ``isServerName(_:)`` accepts.
    public init(server: String, time: Timestamp) {
        self.server = server
        self.time = time
    }

    /// Whether a server can be called so.
    public static func isServerName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "-_.".utf8.contains(byte)
                }
            }
    }

    /// By server, then by time.
    public static func < (a: SnapshotName, b: SnapshotName) -> Bool { (a.server, a.time) < (b.server, b.time) }

    /// The name as text, such as `cairn@20261121T191526.123456Z`: texts of one server sort by time, too.
    public var text: String { "\(server)@\(CalendarTime(time).text)" }

    /// The name that `text` tells, or `nil` if it tells none.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, SnapshotName.isServerName(String(parts[0])),
            let time = CalendarTime(text: parts[1])?.timestamp
        else { return nil }
        self.init(server: String(parts[0]), time: time)
    }
}

/// A time of day in UTC, as figures that sort: `20261121T191526.123456Z`.
private struct CalendarTime {
    private static let microsecondsOfDay: Int64 = 86_400_000_000
    let timestamp: Timestamp

    init(_ timestamp: Timestamp) { self.timestamp = timestamp }

    var text: String {
        let (days, rest) = CalendarTime.divide(timestamp.rawValue, by: CalendarTime.microsecondsOfDay)
        let (year, month, day) = CalendarTime.date(ofDay: days)
        let seconds = rest / 1_000_000
        return "\(pad(year, 4))\(pad(month, 2))\(pad(day, 2))T\(pad(seconds / 3_600, 2))\(pad(seconds / 60 % 60, 2))"
            + "\(pad(seconds % 60, 2)).\(pad(rest % 1_000_000, 6))Z"
    }

    init?(text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 23, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "."),
            bytes[22] == UInt8(ascii: "Z")
        else { return nil }
        func number(_ range: Range<Int>) -> Int64? { Int64(String(decoding: bytes[range], as: UTF8.self)) }
        guard let year = number(0..<4), let month = number(4..<6), let day = number(6..<8), let hour = number(9..<11),
            let minute = number(11..<13), let second = number(13..<15), let fraction = number(16..<22)
        else { return nil }
        let days = CalendarTime.day(year, month, day)
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
        timestamp = Timestamp(microseconds: seconds * 1_000_000 + fraction)
        // Only what is written back the same is such a time: the 31st of June is none.
        guard self.text == String(text) else { return nil }
    }

    private func pad(_ number: Int64, _ count: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, count - digits.count)) + digits
    }

    private static func divide(_ number: Int64, by divisor: Int64) -> (Int64, Int64) {
        let remainder = number % divisor
        return remainder < 0 ? (number / divisor - 1, remainder + divisor) : (number / divisor, remainder)
    }

    // Years are counted from March here, so that the leap day is a year's last; 400 of them are one era.

    /// The date of a day, counted from 1970-01-01, in the Gregorian calendar.
    private static func date(ofDay number: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = divide(number + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let fromMarch = (5 * dayOfYear + 2) / 153
        let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * fromMarch + 2) / 5 + 1)
    }

    /// The number of a day, counted from 1970-01-01.
    private static func day(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let (era, yearOfEra) = divide(month <= 2 ? year - 1 : year, by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
