internal import CairnModel

/// Reads that wait to be told, of a bounded number of bytes.
///
/// What does not fit is only counted, and so is all after it until everything before was taken: so it is known where
/// among the others the missing ones were.
struct AccessQueue: Sendable {
    private let limit: Int
    private var accesses: ArraySlice<KeyAccess> = []
    private var bytes = 0
    private var missed = 0

    /// A queue of `limit` bytes; one access fits whatever its size.
    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { accesses.isEmpty && missed == 0 }

    /// How many wait.
    var count: Int { accesses.count }

    mutating func add(_ access: KeyAccess) {
        let size = access.footprint
        if missed > 0 || (bytes + size > limit && !accesses.isEmpty) {
            missed += 1
        } else {
            accesses.append(access)
            bytes += size
        }
    }

    /// Notes that `count` can't be told.
    mutating func miss(_ count: Int) { missed += count }

    /// Takes the oldest, about so many bytes of them, and after the last of them the number of those that are missing.
    mutating func take(bytes most: Int = .max) -> (accesses: [KeyAccess], missed: Int) {
        var end = accesses.startIndex
        var size = 0
        while end < accesses.endIndex, size < most {
            size += accesses[end].footprint
            end += 1
        }
        let taken = Array(accesses[..<end])
        bytes -= size
        accesses = end == accesses.endIndex ? [] : accesses[end...]
        // A slice keeps what was before it in memory: no more of that than there is of the rest.
        if accesses.startIndex > accesses.count { accesses = Array(accesses)[...] }
        guard accesses.isEmpty else { return (taken, 0) }
        defer { missed = 0 }
        return (taken, missed)
    }
}

extension KeyAccess {
    /// About what it takes in memory, in bytes.
    package var footprint: Int { 96 + key.bytes.count + clientID.utf8.count }
}
