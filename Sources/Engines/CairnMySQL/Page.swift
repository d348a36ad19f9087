/// A page that is gathered by several queries, so that neither side ever handles much more than its bytes.
///
/// Nobody can tell a server to stop when the values it has sent exceed so many bytes. So the first query asks for few
/// rows and each further one for more, as long as values turn out to be small; and a value that is not small isn't sent
/// unasked: those that belong to the page are fetched at the end.
struct Page<Entry> {
    /// The entries so far.
    var entries: [Entry] = []
    /// The places of those whose values must still be fetched.
    private(set) var incomplete: [Int] = []
    private let limit: Int
    private let bytes: Int
    private var total = 0
    private var isComplete = false
    private var rowsPerQuery = 128

    init(limit: Int, bytes: Int) {
        self.limit = limit
        self.bytes = bytes
        isComplete = limit <= 0
    }

    /// The largest value that is sent unasked.
    var smallValueBytes: Int { 4_096 }

    /// How many rows the next query may ask for; `nil` when the page is complete.
    var nextCount: Int? { isComplete ? nil : min(rowsPerQuery, limit - entries.count) }

    /// Takes the next row, unless the page is complete without it.
    mutating func add(_ entry: Entry, valueBytes: Int64, isComplete hasValue: Bool) {
        if isComplete { return }
        let (sum, overflow) = total.addingReportingOverflow(Int(valueBytes))
        if overflow || sum > bytes, !entries.isEmpty {
            isComplete = true
            return
        }
        total = sum
        if !hasValue { incomplete.append(entries.count) }
        entries.append(entry)
    }

    private var entriesBefore = 0

    /// Ends a query that was asked for `count` rows.
    mutating func endQuery(asked count: Int) {
        // Fewer rows than were asked for are the last.
        if entries.count - entriesBefore < count || entries.count >= limit { isComplete = true }
        entriesBefore = entries.count
        // As many rows as the rest of the page holds, if they go on like that, but not four times as many at once.
        let mean = max(total / max(entries.count, 1), 1)
        rowsPerQuery = max(16, min(rowsPerQuery * 4, (bytes - min(total, bytes)) / mean, 8_192))
    }
}
