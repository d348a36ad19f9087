package import CairnKeyspace
package import CairnModel
package import CairnSQL

// A batch: one round trip to take the head's lock, one to store all there is and commit, and between them those that
// the rules need to see what the batch touches.

extension PostgresSession {
    package func beginBatch() throws(StoreError) -> BatchStart {
        let rows = try connection.isAhead ? connection.collect() : connection.run(beginning)
        let standing = rows[rows.count - 1]
        return BatchStart(
            head: try rows[rows.count - 2].head(),
            time: Timestamp(microseconds: standing.integer(0, 0)),
            nextDeadline: standing.optionalInteger(0, 1).map(Timestamp.init(microseconds:))
        )
    }

    private var beginning: [Call] {
        [Call(Statements.begin)] + settings + [Call(statements.batch.lockHead), Call(statements.batch.standing)]
    }

    package func callOff() {
        if connection.isAhead { rollBack() }
    }

    package func batchView(from start: BatchStart) -> any EngineView {
        PostgresView(
            connection: connection, statements: statements.view, usesClock: options.usesDatabaseClock, start: start)
    }

    package func commit(_ batch: StoredBatch, isFollowed: Bool) throws(StoreError) {
        do throws(StoreError) {
            // A pooler may give the next transaction another server; it is begun when it comes.
            let next = isFollowed && !connection.isPooled ? beginning : []
            let rows = try connection.run(calls(storing: batch) + [Call(Statements.commit)], andAhead: next)
            try checkCommit(rows.last)
        } catch {
            guard connection.isBroken else { throw error }
            // The server may have had the COMMIT, and may have done it.
            var error = error
            error.code = .unavailable
            error.retry = .unknownOutcome
            throw error
        }
    }

    private func calls(storing batch: StoredBatch) -> [Call] {
        let changes = batch.changes
        var calls: [Call] = []
        if !changes.events.isEmpty {
            calls.append(Call(statements.batch.store, Parameters(events: changes.events, leaving: batch.records)))
        }
        let leases = changes.leases.values.compactMap(\.self)
        if !leases.isEmpty { calls.append(Call(statements.batch.putLeases, Parameters(leases: leases))) }
        if leases.count < changes.leases.count {
            let ended = changes.leases.filter { $0.value == nil }.keys.map(\.rawValue)
            calls.append(Call(statements.batch.dropLeases, Parameters { $0.add(array: ended) }))
        }
        let locks = changes.locks.values.compactMap(\.self)
        if !locks.isEmpty { calls.append(Call(statements.batch.putLocks, Parameters(locks: locks))) }
        if locks.count < changes.locks.count {
            let ended = changes.locks.filter { $0.value == nil }.keys.map(\.rawValue)
            calls.append(Call(statements.batch.dropLocks, Parameters { $0.add(array: ended) }))
        }
        let consumers = changes.consumers.values.compactMap(\.self)
        if !consumers.isEmpty { calls.append(Call(statements.batch.putConsumers, Parameters(consumers: consumers))) }
        if consumers.count < changes.consumers.count {
            let deleted = changes.consumers.filter { $0.value == nil }.keys.map { Array($0.utf8) }
            calls.append(Call(statements.batch.dropConsumers, Parameters { $0.add(array: deleted) }))
        }
        if !changes.results.isEmpty {
            calls.append(Call(statements.batch.putResults, Parameters(results: changes.results, at: changes.head.time)))
        }
        calls.append(Call(statements.batch.finish, parameters(finishing: batch)))
        return calls
    }

    private func parameters(finishing batch: StoredBatch) -> Parameters {
        let replica = registrations[batch.replica]
        return Parameters { parameters in
            parameters.add(batch.changes.head.lastRef.rawValue)
            parameters.add(batch.changes.head.oldestRef.rawValue)
            parameters.add(batch.changes.head.lastLeaseID.rawValue)
            parameters.add(batch.changes.head.time.rawValue)
            parameters.add(batch.replica)
            parameters.add(replica.id)
            parameters.add(replica.address)
            parameters.add(batch.number)
            parameters.add(names.channel)
            parameters.add(batch.announcement)
            parameters.add(Replica.silence.microseconds)
        }
    }
}

// In the order of the statements' parameters.
extension Parameters {
    init(_ fill: (inout Parameters) -> Void) {
        self.init()
        fill(&self)
    }

    /// `records` are what the last events of their keys leave behind.
    fileprivate init(events: [Event], leaving records: [Record]) {
        self.init()
        reserve(
            events.reduce(64) { $0 + $1.key.bytes.count + ($1.value?.bytes.count ?? 0) + $1.clientID.utf8.count + 160 })
        add(array: events.lazy.map(\.ref.rawValue))
        add(array: events.lazy.map(\.kind.rawValue))
        add(array: events.lazy.map(\.key.bytes))
        add(array: events.lazy.map(\.version))
        add(array: events.lazy.map(\.leaseID.rawValue))
        add(array: events.lazy.map(\.createdRef.rawValue))
        add(array: events.lazy.map(\.createdVersion))
        add(array: events.lazy.map { $0.previousRef?.rawValue })
        add(array: events.lazy.map(\.time.rawValue))
        add(array: events.lazy.map { Array($0.clientID.utf8) })
        add(array: events.lazy.map(\.transactionIndex))
        add(array: events.lazy.map(\.transactionCount))
        add(array: events.lazy.map { $0.value?.kind.rawValue ?? 0 })
        add(array: events.lazy.map { $0.value?.bytes })
        add(array: Parameters.rowChanges(of: events, leaving: records))
        add(array: events.lazy.map(\.lockToken.rawValue))
    }

    /// What becomes of each event's record: 0 nothing, as a later event of the batch has its key; 1 its row is
    /// changed; 2 it gets a row, as the key was never set before the batch.
    private static func rowChanges(of events: [Event], leaving records: [Record]) -> [Int32] {
        // The refs of a batch are consecutive.
        let first = events[0].ref.rawValue
        var isNew = [Bool](repeating: false, count: events.count)
        for (index, event) in events.enumerated() {
            if let previous = event.previousRef?.rawValue, previous >= first {
                isNew[index] = isNew[Int(previous - first)]
            } else {
                isNew[index] = event.previousRef == nil
            }
        }
        var changes = [Int32](repeating: 0, count: events.count)
        for record in records {
            let index = Int(record.updatedRef.rawValue - first)
            changes[index] = isNew[index] ? 2 : 1
        }
        return changes
    }

    fileprivate init(leases: [Lease]) {
        self.init()
        add(array: leases.lazy.map(\.id.rawValue))
        add(array: leases.lazy.map { $0.deadline?.rawValue })
        add(array: leases.lazy.map { $0.duration?.microseconds })
        add(array: leases.lazy.map(\.isGranted))
    }

    fileprivate init(locks: [Lock]) {
        self.init()
        add(array: locks.lazy.map(\.token.rawValue))
        add(array: locks.lazy.map(\.deadline.rawValue))
        add(array: locks.lazy.map(\.duration.microseconds))
        add(array: locks.lazy.map(\.mode.rawValue))
        add(array: locks.lazy.map(\.key.bytes))
        add(array: locks.lazy.map { Array($0.owner.utf8) })
    }

    fileprivate init(consumers: [Consumer]) {
        self.init()
        add(array: consumers.lazy.map { Array($0.name.utf8) })
        add(array: consumers.lazy.map(\.cursor.rawValue))
        add(array: consumers.lazy.map(\.updatedAt.rawValue))
    }

    fileprivate init(results: [RequestID: TransactionResult], at time: Timestamp) {
        self.init()
        add(array: results.lazy.map(\.key.bytes))
        add(time.rawValue)
        add(array: results.lazy.map { StoredResult.encode($0.value) })
    }
}
