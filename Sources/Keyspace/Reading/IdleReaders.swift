/// Which reading threads have nothing to do, and whether one of them has to be woken.
///
/// Waking costs a system call and a change of thread, so no more are woken than there is work for: one at a time, and
/// the next when that one has taken something and left something. Decides only; the caller wakes, and holds the lock.
struct IdleReaders {
    private var idle: [Int]
    /// Whether one was woken that hasn't looked for work yet.
    private var isOneOnItsWay = false

    /// `count` readers, all idle.
    init(count: Int) { idle = Array((0..<count).reversed()) }

    /// The reader to wake when `pieces` of work wait, if any. The one that was idle for the shortest time, whose
    /// memory is warmest.
    mutating func next(for pieces: Int) -> Int? {
        guard pieces > 0, !isOneOnItsWay, let reader = idle.popLast() else { return nil }
        isOneOnItsWay = true
        return reader
    }

    /// The reader that was woken looks for work now.
    mutating func didWake() { isOneOnItsWay = false }

    /// A reader found nothing, and goes to sleep.
    mutating func didRunDry(_ reader: Int) { idle.append(reader) }
}
