public import CairnModel

// What keys were.
extension Keyspace {
    /// A state that a key has or had, or `nil`.
    public func revision(
        of key: Key, _ revision: Revision, clientID: String
    ) async throws(StoreError) -> KeyRevision? {
        try checkOpen()
        try key.check(limits)
        if case .asOf(let ref) = revision { try ref.check() }
        let history = options.history
        return try await reads.run { (view) throws(StoreError) in
            let reader = try RevisionReader(view)
            if case .asOf(let ref) = revision, ref > reader.head.lastRef {
                throw .futureRef(ref, head: reader.head.lastRef)
            }
            guard let last = try reader.lastState(of: key, for: clientID) else { return nil }
            if case .asOf(let ref) = revision {
                guard let state = try reader.states([last], asOf: ref)[key], state.record.isLive else { return nil }
                return state
            }
            guard let visible = try HistoryRules.visible(of: last, history),
                let version = HistoryRules.version(revision, of: last), visible.contains(version)
            else { return nil }
            return try reader.state(version, from: last)
        }
    }

    /// The states of a key, newest first.
    public func history(_ request: HistoryRequest) async throws(StoreError) -> HistoryPage {
        try checkOpen()
        try request.key.check(limits)
        try request.page?.check()
        let limit = min(try request.limit?.checkedAsLimit() ?? .max, limits.historyEntries)
        let history = options.history
        return try await reads.run { (view) throws(StoreError) in
            let reader = try RevisionReader(view)
            guard let last = try reader.lastState(of: request.key, for: request.clientID),
                let visible = try HistoryRules.visible(of: last, history)
            else { return HistoryPage(revisions: [], next: nil, isWhole: true) }
            return try reader.page(
                from: request.page ?? last.updatedRef, last: last, visible: visible, limit: limit)
        }
    }
}
