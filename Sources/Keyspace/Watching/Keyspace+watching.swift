public import CairnModel

// Watching.
extension Keyspace {
    /// Streams events; the stream's start is fixed when this returns.
    public func watch(_ request: WatchRequest) async throws(StoreError) -> WatchStream {
        try checkOpen()
        if request.wantsAccesses { try capabilities.require(.accesses) }
        return try await Keyspace.watch(
            request, engine: engine, hub: hub, reads: reads, options: options, limit: options.watchLimit)
    }

    /// Opens a stream, unless there are `limit` already. The store's own are not limited.
    static func watch(
        _ request: WatchRequest, engine: any Engine, hub: Hub, reads: ReadQueue, options: KeyspaceOptions,
        limit: Int? = nil
    ) async throws(StoreError) -> WatchStream {
        let limits = options.limits
        try request.check(limits)
        let watcher = Watcher(request, pendingLimit: options.watchBuffer)
        let known = try hub.add(watcher, limit: limit)
        let reader = WatchReader(watcher, hub: hub, reads: reads, limits: limits)
        // Another process may be ahead of what this one knows.
        let seen = request.seen
        let needsHead =
            !engine.noticesForeignChangesAtOnce || engine.mayHaveForeignChanges(since: known)
            || request.start.needsHead || seen != nil
        let head =
            !needsHead
            ? nil
            : try await reads.run { (view) throws(StoreError) in
                let head = try view.head()
                if let seen, try !view.has(seen, head) {
                    throw .logWentBack(from: seen.ref, head: head.lastRef, retry: .never)
                }
                return head
            }
        let last = max(known, head?.lastRef ?? .zero)
        watcher.start(
            at: try request.start.first(after: last, oldest: head?.oldestRef ?? 1),
            withRecords: request.start == .current, finishAfter: request.untilHead ? last : nil)
        return WatchStream(reader)
    }
}

extension WatchRequest.Start {
    fileprivate var needsHead: Bool {
        if case .ref = self { true } else { false }
    }

    /// The first event to deliver, when `last` is the last there is.
    fileprivate func first(after last: Ref, oldest: Ref) throws(StoreError) -> Ref {
        guard case .ref(let ref) = self else { return last.next }
        guard ref <= last.next else { throw .futureRef(ref, head: last) }
        if ref == .zero { return oldest }
        guard ref >= oldest else { throw .compacted(ref, oldest: oldest) }
        return ref
    }
}

extension WatchRequest {
    /// Throws ``CairnModel/StoreError/Code/invalidArgument`` or ``CairnModel/StoreError/Code/invalidRef``.
    fileprivate func check(_ limits: Limits) throws(StoreError) {
        if case .ref(let ref) = start { try ref.check() }
        try seen?.ref.check()
        guard !ranges.isEmpty else {
            throw StoreError(.invalidArgument, "a watch needs a range; the range of all keys is KeyRange.all")
        }
        guard ranges.count <= limits.watchFilters, clientIDs.count <= limits.watchFilters else {
            throw StoreError(
                .invalidArgument,
                "a watch may name \(limits.watchFilters) ranges and as many clients; open several watches")
        }
        for id in clientIDs { try Transaction.check(name: id, "client id", limits, mayBeEmpty: true) }
    }
}

extension StoreError {
    /// As many streams are open as are allowed.
    static func tooManyWatches(_ limit: Int) -> StoreError {
        StoreError(
            .tooManyWatches,
            "\(limit) watches are open, as many as this server allows; close one, or raise its max-watches",
            retry: .safe)
    }
}
