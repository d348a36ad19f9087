public import CairnModel

// Lists.
extension Keyspace {
    /// A page of live records.
    public func list(_ request: ListRequest) async throws(StoreError) -> ListPage {
        try checkOpen()
        try request.check()
        let limits = limits
        if request.pattern != nil || request.asOf != nil { return try await search(request) }
        return try await reads(for: request.consistency).run { (view) throws(StoreError) in
            let head = try view.head().lastRef
            let page = try Listing.page(request, limits: limits, head: head) { (range, limit) throws(StoreError) in
                try view.records(in: range, limit: limit, bytes: limits.pageBytes, keysOnly: request.keysOnly)
            }
            return request.keysOnly ? page : try view.withholding(page, from: request.clientID)
        }
    }

    /// A page of what matches a pattern, or was there right after an event.
    private func search(_ request: ListRequest) async throws(StoreError) -> ListPage {
        let limits = limits
        var matcher: PatternMatcher?
        var request = request
        if let pattern = request.pattern {
            matcher = try PatternMatcher(pattern, limits: limits)
            request.range = pattern.narrowed(request.range)
        }
        return try await reads(for: request.consistency).run { [request, matcher] (view) throws(StoreError) in
            let reader = try RevisionReader(view)
            if let ref = request.asOf, ref > reader.head.lastRef { throw .futureRef(ref, head: reader.head.lastRef) }
            let search = ListSearch(view: view, reader: reader, request: request, matcher: matcher, limits: limits)
            let page = try Listing.page(request, limits: limits, head: reader.head.lastRef) {
                (range, limit) throws(StoreError) -> Listing.Piece in
                try search.piece(of: range, limit: limit)
            }
            return request.keysOnly ? page : try view.withholding(page, from: request.clientID)
        }
    }
}

extension ListRequest {
    fileprivate func check() throws(StoreError) {
        _ = try limit?.checkedAsLimit()
        try asOf?.check()
        if let depth, depth < 1 {
            throw StoreError(.invalidArgument, "a depth of \(depth) is not possible; the least is 1")
        }
    }
}
