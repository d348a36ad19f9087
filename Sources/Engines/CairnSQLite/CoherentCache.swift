// Answering a read without asking SQLite, and never with yesterday's truth.
//
// A point read through SQLite costs several microseconds and a handful of system calls, nearly all of them for locks.
// Most reads are of keys that were read or written a moment ago, so the engine keeps records in memory. Reads must be
// linearizable even when another process writes to the same file, so a cached record may be told only if nobody has
// committed anything that the cache does not reflect. Asking SQLite that (`PRAGMA data_version`) costs as much as the
// read. But the answer lies in memory that all processes share: the header of the WAL-index (``WALIndex``), which
// every commit changes before it is acknowledged.
//
// Two things are kept beside the records:
//
// - the *place*: the last event whose effect is in the cache;
// - the *remembered stamp*: the header that was current when the cache was last known to be in step.
//
// The invariant: **if the header in shared memory is the remembered stamp, every record in the cache is the current
// one.** A read therefore compares first and looks up second. If the comparison held, then at that moment the cache
// was right; a record that is replaced between the two is replaced by one that was committed after that moment, so it
// was current at some moment during the read, too. (The other order would be wrong: an old record could be looked up,
// replaced, and then be vouched for by the new stamp.)
//
// What keeps the invariant:
//
// - *Our own commit* changes the header the moment it is visible to others. The comparison fails from then until the
//   new records are in the cache and, after them, the new stamp is remembered. That stamp must be the one of our
//   commit, not of a foreign commit that came right after it. A commit adds exactly one to `iChange`, so the stamp is
//   taken only if it is one more than at the start of the batch, when we held the write lock.
// - *A foreign commit* changes the header and leaves us out of step. The next batch, or the next read, reads the
//   events that were missed and applies them (``catchUp(to:at:limit:mayClear:events:)``). If there are too many, or
//   compaction has taken them, a batch empties the cache.
// - *A record that was read from the file* is put in the cache only if the header is still the one it was before the
//   read began. That is checked under the shard's lock, so it can't overwrite what a commit puts there afterwards.
// - When the log starts over after a checkpoint, the header changes without a commit. That looks like a foreign
//   commit without events, and is repaired like one.
//
// All who write the file must write events as we do. Someone who changes `records` by hand with the `sqlite3` shell
// while a store is open changes the truth without an event, and the cache will not know. `docs/formats/sqlite.md`
// says so.

internal import CairnKeyspace
internal import CairnModel
internal import Synchronization

/// Records in memory, and the knowledge of when they are current. See the head of the file.
final class CoherentCache: Sendable {
    private let index: WALIndex
    private let records: RecordCache
    /// The last event whose effect is in the cache; `nil` before the first look at the file.
    private let place = Mutex<Ref?>(nil)
    private let remembered = RememberedStamp()

    init(index: WALIndex, bytes: Int) {
        self.index = index
        records = RecordCache(bytes: bytes)
    }

    /// The header now.
    func stamp() -> WALStamp { index.stamp() }

    /// The last event whose effect is in the cache.
    var lastRef: Ref { place.withLock { $0 ?? .zero } }

    /// Whether the cache reflects all that was committed, by whomever.
    var isInStep: Bool { remembered.equals(index) }

    /// What is known of a key, if it is current.
    func readyRecord(_ key: Key) -> ReadyRecord? {
        guard remembered.equals(index), let entry = records.entry(key) else { return nil }
        return entry.map(ReadyRecord.record) ?? .absent
    }

    /// What is known of a key, for a batch that holds the write lock and has caught up.
    func entry(_ key: Key) -> RecordCache.Entry? { records.peek(key) }

    /// Notes what was read from the file in a transaction that began when the header was `stamp` or later.
    func fill(_ entry: RecordCache.Entry, for key: Key, readAt stamp: WALStamp) {
        records.put(entry, for: key, if: { index.stamp() == stamp })
    }

    /// Notes the records that a batch has committed. It led the log from `first` to `last`; `stamp` is the header
    /// that it left, if that is known for sure.
    func apply(_ committed: [Record], from first: Ref, to last: Ref, leaving stamp: WALStamp?) {
        place.withLock { place in
            // A reader may have seen the commit already and brought the cache to its place, or beyond.
            guard let current = place, current <= last else { return }
            if current < last {
                if current == first {
                    for record in committed { records.put(record, for: record.key) }
                } else {
                    records.clear()
                }
            }
            place = last
            if let stamp { remembered.set(stamp) }
        }
    }

    /// Brings the cache to `head`, which was read in a transaction that saw exactly the state of `stamp`.
    ///
    /// With `mayClear`, as a batch has it, the cache is emptied when that is cheaper than applying what was missed;
    /// otherwise it stays behind.
    func catchUp(
        to head: Head,
        at stamp: WALStamp,
        limit: Int,
        mayClear: Bool,
        events: (_ first: Ref, _ count: Int) throws(StoreError) -> [Event]
    ) throws(StoreError) {
        let start = place.withLock { $0 }
        guard let start else { return begin(at: head, stamp) }
        let missed = Int(head.lastRef.rawValue - start.rawValue)
        if missed < 0 && !mayClear { return }
        var missing: [Event] = []
        var isWhole = missed >= 0 && missed <= limit && (missed == 0 || start.next >= head.oldestRef)
        if isWhole && missed > 0 {
            // Not under the lock, because this waits for the file.
            missing = try events(start.next, missed)
            isWhole = missing.count == missed
        }
        guard isWhole || mayClear else { return }
        place.withLock { place in
            guard place == start else { return }
            if isWhole {
                for event in missing { records.put(Record(after: event), for: event.key) }
            } else {
                records.clear()
            }
            place = head.lastRef
            // A read may have been overtaken; then this would only put everybody out of step.
            if index.stamp() == stamp { remembered.set(stamp) }
        }
    }

    private func begin(at head: Head, _ stamp: WALStamp) {
        place.withLock { place in
            guard place == nil else { return }
            place = head.lastRef
            remembered.set(stamp)
        }
    }

    /// Forgets everything. For a batch whose outcome is in doubt.
    func forget() {
        place.withLock { place in
            place = nil
            remembered.set(WALStamp())
            records.clear()
        }
    }
}

/// The stamp that was current when the cache was last in step, in words that are read without a lock.
///
/// The checksum, which differs between any two headers, is written last and read first: who finds it equal finds the
/// other words, and the cache, at least as new. A mixture of two stamps equals neither, so a reader who meets one
/// goes to the file.
private final class RememberedStamp: Sendable {
    private let change = Atomic<UInt64>(0)
    private let extent = Atomic<UInt64>(0)
    private let frameChecksum = Atomic<UInt64>(0)
    private let salt = Atomic<UInt64>(0)
    private let checksum = Atomic<UInt64>(0)

    /// Called under the lock of the place.
    func set(_ stamp: WALStamp) {
        change.store(stamp.change, ordering: .releasing)
        extent.store(stamp.extent, ordering: .releasing)
        frameChecksum.store(stamp.frameChecksum, ordering: .releasing)
        salt.store(stamp.salt, ordering: .releasing)
        checksum.store(stamp.checksum, ordering: .releasing)
    }

    /// Whether the header is this one. The remembered checksum is loaded before the header: what is in step
    /// afterwards was in step at that moment.
    func equals(_ index: WALIndex) -> Bool {
        let checksum = checksum.load(ordering: .acquiring)
        let now = index.stamp()
        return now.checksum == checksum && now.change == change.load(ordering: .relaxed)
            && now.extent == extent.load(ordering: .relaxed)
            && now.frameChecksum == frameChecksum.load(ordering: .relaxed) && now.salt == salt.load(ordering: .relaxed)
    }
}
