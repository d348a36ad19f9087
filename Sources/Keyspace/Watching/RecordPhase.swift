internal import CairnModel

/// The first part of a stream that starts with the current state: pages of records, each of its own moment.
///
/// The pages are read one by one, as the reader asks for them, while others write. What a page showed is the
/// state of its keys as of its ref, so an event of such a key is new exactly if its ref is greater. Events are then
/// delivered from the first page's ref on, without those that a page already showed: each key's state is followed by
/// all its later events, and nothing comes twice.
struct RecordPhase: Sendable {
    /// Keys below `upper`, not covered by an earlier page, were shown as of `ref`. `nil` is the end of the range.
    private struct Page: Sendable {
        var upper: Key?
        var ref: Ref
    }

    /// What is left to read, in ranges that don't overlap, in order.
    private var left: ArraySlice<KeyRange>
    private var pages: [Page] = []
    private(set) var isFirst = true

    init(ranges: [KeyRange]) { left = ranges[...] }

    /// Where the next page is to be read, or `nil` when all have been.
    var next: KeyRange? { left.first }

    /// Notes a page that was read when `head` was the last event, and where in the range the next one starts; `nil` if
    /// the range was read to its end.
    mutating func note(next: Key?, head: Ref) {
        isFirst = false
        if let next {
            left[left.startIndex].lower = next
        } else {
            left.removeFirst()
        }
        // What lies between two ranges is of no interest, so a page may as well reach to the next one.
        pages.append(Page(upper: left.first?.lower, ref: head))
    }

    /// Whether a page showed what this event did.
    func reflects(_ event: Event) -> Bool {
        guard let last = pages.last, event.ref <= last.ref else { return false }
        var low = 0
        var high = pages.count
        while low < high {
            let middle = (low + high) / 2
            if let upper = pages[middle].upper, upper <= event.key { low = middle + 1 } else { high = middle }
        }
        return low < pages.count && event.ref <= pages[low].ref
    }

    /// Frees what is not needed for events after `ref`.
    mutating func forget(upTo ref: Ref) {
        if left.isEmpty, let last = pages.last, ref >= last.ref { pages = [] }
    }
}
