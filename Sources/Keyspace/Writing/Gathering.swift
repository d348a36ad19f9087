/// How many transactions a batch waits for, and for how long.
///
/// For homes where a batch costs much beside a transaction, such as a round trip and the sync of another process. The
/// callers of the last batch, and those who waited while it was stored, are about; three quarters of them make the next
/// one, so that it doesn't wait for the slowest, and one or two callers by themselves never wait. Decides only.
struct Gathering {
    /// As many make a batch.
    private(set) var target = 1
    /// No batch waits longer.
    private(set) var patience = Duration.zero

    /// However long a batch takes, the next one waits no longer than this for more.
    static let longest = Duration.milliseconds(2)

    /// A batch is stored, which took so long; meanwhile others have come.
    mutating func note(transactions: Int, waiting: Int, took: Duration) {
        target = max(1, (transactions + waiting) * 3 / 4)
        patience = min(took / 2, Gathering.longest)
    }
}
