package import CairnModel
internal import Synchronization

/// A bounded map from keys to records, or to the knowledge that there is none. Knows nothing of when that is true.
///
/// Each of the sixteen shards has a young and an old generation. What is found or put is young; when the young ones
/// fill half of the shard they become the old ones, and the old ones are dropped. So what is used within a half-life
/// stays, at the price of one dictionary and no lists.
package final class RecordCache: Sendable {
    /// What is known of a key.
    package typealias Entry = Record?

    private struct Shard {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
        var youngBytes = 0
    }

    /// A lock cannot be stored in an array by itself.
    private final class LockedShard: Sendable {
        let shard = Mutex(Shard())
    }

    private let shards: [LockedShard]
    private let halfShardBytes: Int

    /// An empty cache for about so many bytes, counting keys, values and their keeping.
    package init(bytes: Int) {
        shards = (0..<16).map { _ in LockedShard() }
        halfShardBytes = bytes / 32
    }

    /// What is known of a key; `nil` if nothing is.
    package func entry(_ key: Key) -> Entry? {
        let (entry, dropped) = shard(of: key).shard.withLock { shard -> (Entry?, [Key: Entry]) in
            if let entry = shard.young[key] { return (entry, [:]) }
            guard let entry = shard.old.removeValue(forKey: key) else { return (nil, [:]) }
            return (entry, insert(entry, for: key, in: &shard))
        }
        // Freeing a generation takes a while, so it is done here, outside the lock.
        _ = consume dropped
        return entry
    }

    /// The same for who is going to put a newer one soon: does not make the entry young.
    package func peek(_ key: Key) -> Entry? {
        shard(of: key).shard.withLock { $0.young[key] ?? $0.old[key] }
    }

    /// Notes an entry.
    package func put(_ entry: Entry, for key: Key) {
        put(entry, for: key, if: { true })
    }

    /// Notes an entry if `condition` holds while nobody else can note one for that key.
    package func put(_ entry: Entry, for key: Key, if condition: () -> Bool) {
        let dropped = shard(of: key).shard.withLock { shard -> [Key: Entry] in
            condition() ? insert(entry, for: key, in: &shard) : [:]
        }
        _ = consume dropped
    }

    /// Forgets everything.
    package func clear() {
        for shard in shards {
            let dropped = shard.shard.withLock { shard in
                defer { shard = Shard() }
                return shard
            }
            _ = consume dropped
        }
    }

    /// Puts an entry among the young ones, and returns what is to be freed for it.
    private func insert(_ entry: Entry, for key: Key, in shard: inout Shard) -> [Key: Entry] {
        let cost = cost(of: entry, key)
        // One large value would drive out a whole generation. What was known of the key is wrong now, though.
        guard cost <= halfShardBytes / 4 else {
            if let previous = shard.young.removeValue(forKey: key) {
                shard.youngBytes -= self.cost(of: previous, key)
            }
            shard.old.removeValue(forKey: key)
            return [:]
        }
        shard.youngBytes += cost
        if let previous = shard.young.updateValue(entry, forKey: key) {
            shard.youngBytes -= self.cost(of: previous, key)
        }
        guard shard.youngBytes > halfShardBytes else { return [:] }
        let dropped = shard.old
        shard.old = shard.young
        shard.young = [:]
        shard.youngBytes = 0
        return dropped
    }

    private func cost(of entry: Entry, _ key: Key) -> Int {
        // An estimate of two array headers and malloc's rounding, the record's fields, and the dictionary's slack.
        key.bytes.count + (entry?.value.bytes.count ?? 0) + 256
    }

    private func shard(of key: Key) -> LockedShard {
        // The end of a key differs more than its beginning. The dictionary has a hash of its own, a better one.
        var hash: UInt32 = 2_166_136_261
        for byte in key.bytes.suffix(8) { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return shards[Int((hash ^ hash >> 16) & 15)]
    }
}
