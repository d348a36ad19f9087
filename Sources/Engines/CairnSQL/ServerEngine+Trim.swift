package import CairnModel

// Freeing room, between batches.

extension ServerEngine {
    /// How many events, and how many requests, are deleted in one go.
    private static var trimmedAtOnce: Int { 2_000 }

    /// Deletes a piece of what compaction has released and of the requests that are past their window. Asks the
    /// database only if there is something, as far as is known; after the start, once.
    package func trim() throws(StoreError) -> Bool {
        guard isOnDuty, writer.trimmed < writer.oldest || writer.forgetRequestsBefore != nil,
            let session = writer.session
        else { return false }
        let oldest = writer.oldest
        session.callOff()
        do throws(StoreError) {
            let isMore = try metrics.time(.trim) { () throws(StoreError) in
                try session.trim(requestsBefore: writer.forgetRequestsBefore, limit: ServerEngine.trimmedAtOnce)
            }
            if !isMore {
                writer.trimmed = oldest
                writer.forgetRequestsBefore = nil
            }
            return isMore
        } catch {
            session.rollBack()
            if session.isBroken { writer.drop(metrics) }
            // It is taken up again at the next round.
            if error.isTransient { return false }
            throw error
        }
    }
}
