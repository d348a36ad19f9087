public import CairnModel

extension Keyspace {
    /// What there is to tell of a live key, as of one moment, or `nil`.
    public func inspect(
        _ key: Key, withValue: Bool, clientID: String
    ) async throws(StoreError) -> KeyInspection? {
        try checkOpen()
        try key.check(limits)
        let clock = options.clock
        let inspection = try await reads.run { (view) throws(StoreError) -> KeyInspection? in
            guard let record = try view.records([key])[key], record.isLive else { return nil }
            if withValue { _ = try view.readableRecord(key, by: clientID) }
            let now = try view.time() ?? clock.now()
            let oldest = try view.head().oldestRef
            let created = try view.time(of: record.createdRef, oldest: oldest)
            let updated = try view.time(of: record.updatedRef, oldest: oldest)
            let lease =
                try view.leases([record.leaseID])[record.leaseID]
                ?? Lease(id: record.leaseID, deadline: nil, duration: nil, isGranted: false)
            let lock = try record.lockToken == .zero ? nil : view.locks([record.lockToken])[record.lockToken]
            return KeyInspection(
                record, createdAt: created, updatedAt: updated, lease: LeaseStatus(lease, at: now, keys: []),
                lock: lock.map { LockStatus($0, at: now) })
        }
        guard var inspection else { return nil }
        if withValue {
            noteAccess(to: inspection.record, by: clientID)
        } else {
            inspection.record.value = Value(bytes: [])
        }
        return inspection
    }
}

extension KeyInspection {
    fileprivate init(
        _ record: Record, createdAt: Timestamp?, updatedAt: Timestamp?, lease: LeaseStatus, lock: LockStatus?
    ) {
        let given = record.value.contentType
        self.init(
            record: record, size: record.value.content.count, hash: record.value.hash64,
            contentType: given ?? record.value.detectedContentType, isContentTypeGiven: given != nil,
            createdAt: createdAt, updatedAt: updatedAt, lease: lease, lock: lock)
    }
}

extension EngineView {
    /// When an event happened, if it is still kept.
    fileprivate func time(of ref: Ref, oldest: Ref) throws(StoreError) -> Timestamp? {
        guard ref >= oldest, let event = try events(from: ref, limit: 1, bytes: 1).first, event.ref == ref else {
            return nil
        }
        return event.time
    }
}
