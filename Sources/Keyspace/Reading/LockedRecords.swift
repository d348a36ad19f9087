internal import CairnModel

// What a client may read of keys that are locked. The record tells that there is a lock; who holds it is looked up
// then, and only then.

extension EngineView {
    /// The live record of a key, or `nil`. Throws ``CairnModel/StoreError/Code/keyLocked`` if another client has locked
    /// it exclusively.
    func readableRecord(_ key: Key, by clientID: String) throws(StoreError) -> Record? {
        guard let record = try records([key])[key], record.isLive else { return nil }
        if record.lockToken == .zero { return record }
        if let lock = try locks([record.lockToken])[record.lockToken], lock.owner != clientID, lock.excludes(.reading) {
            throw .keyLocked(lock)
        }
        return record
    }

    /// The page without the values of keys that others than `clientID` have locked exclusively.
    func withholding(_ page: ListPage, from clientID: String) throws(StoreError) -> ListPage {
        let tokens = page.records.map(\.lockToken).filter { $0 != .zero }
        if tokens.isEmpty { return page }
        let locks = try locks(tokens)
        var page = page
        for (place, entry) in page.entries.enumerated() {
            guard case .record(var record) = entry, let lock = locks[record.lockToken], lock.owner != clientID,
                lock.excludes(.reading)
            else { continue }
            record.value = Value(bytes: [])
            page.entries[place] = .record(record)
            page.withheld.append(record.key)
        }
        return page
    }
}
