package import CairnModel

// Consumers' cursors, and the log's beginning.

extension WorkingSet {
    mutating func acknowledge(
        _ name: String, through ref: Ref, in scope: OperationScope
    ) throws(Stop) -> Consumer {
        try requirePast(ref)
        if let consumer = try consumer(name), consumer.cursor >= ref { return consumer }
        let consumer = Consumer(name: name, cursor: ref, updatedAt: scope.now)
        store(consumer: consumer, for: name)
        return consumer
    }

    mutating func resetConsumer(_ name: String, to ref: Ref, in scope: OperationScope) throws(Stop) -> Consumer {
        try requirePast(ref)
        guard ref.next >= head.oldestRef else { throw .failed(.compacted(ref.next, oldest: head.oldestRef)) }
        _ = try consumer(name)
        let consumer = Consumer(name: name, cursor: ref, updatedAt: scope.now)
        store(consumer: consumer, for: name)
        return consumer
    }

    mutating func deleteConsumer(_ name: String) throws(Stop) {
        guard try consumer(name) != nil else {
            throw .failed(StoreError(.consumerNotFound, "there is no consumer named \"\(name)\""))
        }
        store(consumer: nil, for: name)
    }

    mutating func compact(before ref: Ref) throws(Stop) {
        guard ref <= head.lastRef.next else { throw .failed(.futureRef(ref, head: head.lastRef)) }
        head.oldestRef = max(head.oldestRef, ref)
    }

    private func requirePast(_ ref: Ref) throws(Stop) {
        guard ref <= head.lastRef else { throw .failed(.futureRef(ref, head: head.lastRef)) }
    }
}

extension StoreError {
    /// The event asked for is no longer kept.
    package static func compacted(_ ref: Ref, oldest: Ref) -> StoreError {
        StoreError(
            .compacted,
            "event \(ref) is no longer kept; the oldest is \(oldest): read the current state, then go on from there",
            ref: ref, oldestRef: oldest)
    }

    /// The event asked for lies beyond the end of the log.
    package static func futureRef(_ ref: Ref, head: Ref) -> StoreError {
        StoreError(
            .futureRef, "event \(ref) does not exist yet; the last one is \(head)", ref: ref, headRef: head)
    }
}
