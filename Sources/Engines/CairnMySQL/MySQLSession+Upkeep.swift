internal import CairnKeyspace
package import CairnModel
internal import CairnSQL

// Freeing room. Takes the head's lock at no time: what is deleted is what no batch looks at any more.

extension MySQLSession {
    /// Deletes a piece of what compaction has released and of old requests.
    package func trim(requestsBefore time: Timestamp?, limit: Int) throws(StoreError) -> Bool {
        var query = statements.releasedEvents
        if let time { query.then(statements.oldRequests(before: time)) }
        var first: Int64?
        var oldest: Int64 = 0
        var hasOldRequests = false
        try connection.run(query) { index, row in
            if index == 1 {
                hasOldRequests = true
            } else {
                first = row.optionalInteger(0)
                oldest = row.integer(1)
            }
        }
        var isMore = false
        if let first, first < oldest {
            // Refs have no gaps, so this is `limit` events.
            let end = min(oldest, first + Int64(max(limit, 1)))
            try connection.run(statements.deleteEvents(before: Ref(end)))
            isMore = end < oldest
        }
        if hasOldRequests, let time {
            let counts = try connection.run(statements.deleteRequests(before: time, limit: max(limit, 1)))
            isMore = isMore || counts.first ?? 0 >= limit
        }
        return isMore
    }
}
