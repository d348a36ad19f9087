package import CairnKeyspace
package import CairnModel

/// A connection to a database server, and what a home does with it: all that differs between the servers.
///
/// ``ServerEngine`` decides when to call what, when to try again, and what became of a commit whose answer was lost; a
/// session only speaks to its server. It is used by one thread at a time, and its methods block.
///
/// What a session throws tells ``ServerEngine`` what to do:
///
/// | code | meaning |
/// |---|---|
/// | `unavailable` | the connection is gone, or the server is going, starting or no primary; ``isBroken`` is true |
/// | `storageBusy` | deadlock, serialisation failure, lock timeout: the transaction is undone, and may be run again |
/// | anything else | running it again would fail again |
///
/// An error of ``commit(_:)`` whose ``CairnModel/StoreError/retry`` is `unknownOutcome` leaves open whether the batch
/// is stored.
package protocol ServerSession: AnyObject, Sendable {
    /// Whether the connection can't be used any more. The engine closes it and opens another.
    var isBroken: Bool { get }

    // Batches.

    /// Begins a transaction, locks the head row, so that no other batch can run in any process, and reads it.
    func beginBatch() throws(StoreError) -> BatchStart
    /// The state that the open batch started from.
    func batchView(from start: BatchStart) -> any EngineView
    /// Stores all that a batch decided, and commits the open transaction. Returns when it is as durable as the
    /// database is set to make it.
    ///
    /// If it `isFollowed` by another, the session may have that begun at once, so that ``beginBatch()`` finds the lock
    /// taken. Before anything else it is called off.
    func commit(_ batch: StoredBatch, isFollowed: Bool) throws(StoreError)
    /// Undoes what was begun for a batch that doesn't come. When that fails the session is broken.
    func callOff()
    /// Undoes the open transaction, if there is one. When that fails the session is broken.
    func rollBack()

    // Reads, outside of batches.

    /// Calls `body` with a view of one moment, the latest that is committed.
    func withSnapshot<Result>(_ body: (any EngineView) throws(StoreError) -> Result) throws(StoreError) -> Result
    /// Where the log stands, by one statement without a transaction.
    func head() throws(StoreError) -> Head
    /// The records of these keys, tombstones included, in one statement and without a transaction.
    func records(_ keys: [Key]) throws(StoreError) -> [Key: Record]

    // Replicas.

    /// Registers a replica, and forgets those that were not seen for a day. Returns the number it got, which is larger
    /// than that of any replica before.
    func join(_ replica: ReplicaID, address: String) throws(StoreError) -> Int64
    /// Says that the replica lives, and asks how things stand; one round trip.
    func beat(_ number: Int64) throws(StoreError) -> HomeState
    /// Ends a replica's registration.
    func leave(_ number: Int64) throws(StoreError)
    /// The number of the last batch that the replica has stored, or `nil` if it isn't registered.
    ///
    /// Locks the head row first, so that a batch which may still be under way on a connection that broke has ended;
    /// and commits a change of its own, so that what it saw is as durable as that. If that isn't certain, it throws.
    func lastBatch(of number: Int64) throws(StoreError) -> Int64?

    // Upkeep.

    /// Deletes up to `limit` events that compaction has released, and up to `limit` requests that were last used before
    /// `time`. Returns whether more may be left. Must not hold up batches for longer than that takes.
    func trim(requestsBefore time: Timestamp?, limit: Int) throws(StoreError) -> Bool
    /// Closes the connection.
    func close()
}

extension ServerSession {
    /// Stores a batch that no other follows.
    package func commit(_ batch: StoredBatch) throws(StoreError) { try commit(batch, isFollowed: false) }
}

/// What a batch starts from: what the statements that take the head's lock tell.
package struct BatchStart: Sendable {
    /// Where the log stands.
    package var head: Head
    /// The database's time, read after the lock was taken.
    package var time: Timestamp
    /// The earliest deadline of all leases.
    package var nextDeadline: Timestamp?

    package init(head: Head, time: Timestamp, nextDeadline: Timestamp?) {
        self.head = head
        self.time = time
        self.nextDeadline = nextDeadline
    }
}

/// What a batch stores.
package struct StoredBatch: Sendable {
    /// What was decided.
    package var changes: Changes
    /// The records as the batch left them, each key once.
    package var records: [Record]
    /// The replica, and the number of this batch among its own: kept in its row, in the same transaction.
    package var replica: Int64
    package var number: Int64
    /// What to tell the other replicas in the same transaction, on a server that can.
    package var announcement: String

    package init(changes: Changes, records: [Record], replica: Int64, number: Int64, announcement: String) {
        self.changes = changes
        self.records = records
        self.replica = replica
        self.number = number
        self.announcement = announcement
    }
}

/// How things stand in the home, as a beat tells.
package struct HomeState: Sendable {
    /// Where the log stands.
    package var head: Head
    /// The database's time.
    package var time: Timestamp
    /// The earliest deadline of all leases.
    package var nextDeadline: Timestamp?
    /// The replicas that were seen of late, by number.
    package var replicas: [Replica]

    package init(head: Head, time: Timestamp, nextDeadline: Timestamp?, replicas: [Replica]) {
        self.head = head
        self.time = time
        self.nextDeadline = nextDeadline
        self.replicas = replicas
    }
}

/// A random name that a replica gives itself when it opens its home.
package struct ReplicaID: Hashable, Sendable {
    /// 32 hexadecimal digits.
    package let text: String

    package init() {
        var generator = SystemRandomNumberGenerator()
        text = (0..<16).map { _ in
            let byte = UInt8.random(in: .min ... .max, using: &generator)
            return (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}

/// A process that has the home open.
package struct Replica: Hashable, Sendable {
    /// Ascends in the order in which replicas joined.
    package var number: Int64
    /// Where it hears announcements, as `HOST:PORT`; empty if it hears them from the database.
    package var address: String

    package init(number: Int64, address: String) {
        self.number = number
        self.address = address
    }

    /// A replica that hasn't said for this long that it lives is taken for dead.
    package static let silence = Duration.seconds(10)
}
