internal import CairnKeyspace
package import CairnModel
package import CairnSQL
internal import Synchronization

// The processes that have the home open, and how they know of each other.

extension MySQLSession {
    /// Registers a replica, and forgets those that were not seen for a day.
    package func join(_ replica: ReplicaID, address: String) throws(StoreError) -> Int64 {
        let registration = Registration(id: replica.text, address: address)
        var sql = statements.forgetReplicas(silentFor: Duration.seconds(86_400).microseconds)
        sql.then(statements.join(registration))
        sql.then(Statements.lastNumber)
        var number: Int64 = 0
        try connection.run(sql) { number = $1.integer(0) }
        registrations[number] = registration
        return number
    }

    /// Says that the replica lives, and asks how things stand.
    package func beat(_ number: Int64) throws(StoreError) -> HomeState {
        var sql = statements.touch(number)
        sql.then(statements.head)
        sql.then(statements.batchStart)
        sql.then(statements.replicas(seenWithin: Replica.silence.microseconds))
        var head: Head?
        var time: Timestamp?
        var nextDeadline: Timestamp?
        var replicas: [Replica] = []
        let counts = try connection.run(sql) { (index, row) throws(StoreError) in
            switch index {
            case 1: head = row.head
            case 2:
                time = Timestamp(microseconds: row.integer(0))
                nextDeadline = row.optionalInteger(1).map(Timestamp.init(microseconds:))
                try checkPrimary(row, 2)
            default: replicas.append(Replica(number: row.integer(0), address: row.text(1)))
            }
        }
        guard let head, let time else { throw connection.headIsGone }
        if counts.first == 0 { try connection.run(statements.rejoin(number, registrations[number])) }
        return HomeState(head: head, time: time, nextDeadline: nextDeadline, replicas: replicas)
    }

    /// Ends a replica's registration.
    package func leave(_ number: Int64) throws(StoreError) {
        try connection.run(statements.leave(number))
        registrations.forget(number)
    }

    /// The number of the last batch that the replica has stored.
    ///
    /// All in one round trip: the head's lock is waited for before anything is read, and the replica's row is changed
    /// and committed. On a Galera cluster, where locks are a node's own, that change is what a batch still on its way
    /// from another node collides with.
    package func lastBatch(of number: Int64) throws(StoreError) -> Int64? {
        var sql = Statements.begin
        sql.then(statements.lockHead)
        sql.then(statements.lastBatch(of: number))
        sql.then(statements.touch(number))
        sql.then(Statements.isReadOnly)
        sql.then(Statements.commit)
        var last: Int64?
        do throws(StoreError) {
            try connection.run(sql) { (index, row) throws(StoreError) in
                if index == 2 { last = row.optionalInteger(0) }
                if index == 4 { try checkPrimary(row, 0) }
            }
        } catch {
            rollBack()
            throw error
        }
        return last
    }
}

/// What a replica has told of itself when it joined.
struct Registration: Hashable, Sendable {
    var id: String
    var address: String
}

/// What the replicas of this process have told of themselves: to register one again that others have forgotten, on
/// whichever connection that is noticed.
final class Registrations: Sendable {
    private let byNumber = Mutex<[Int64: Registration]>([:])

    /// The registration of a replica; an empty one if it didn't join here.
    subscript(number: Int64) -> Registration {
        get { byNumber.withLock { $0[number] } ?? Registration(id: "", address: "") }
        set { byNumber.withLock { $0[number] = newValue } }
    }

    func forget(_ number: Int64) { byNumber.withLock { _ = $0.removeValue(forKey: number) } }
}
