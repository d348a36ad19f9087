internal import CairnKeyspace
internal import CairnModel
internal import CairnSQL

/// A connection to MariaDB or MySQL that a home uses.
///
/// `@unchecked Sendable`: whoever has a session is the only one to use it; see ``CairnSQL/ServerSession``.
package final class MySQLSession: ServerSession, @unchecked Sendable {
    let connection: Connection
    let statements: Statements
    let role: SessionRole
    /// What the replicas that joined through this home have told of themselves.
    let registrations: Registrations
    /// Whether views tell the server's time.
    let usesDatabaseClock: Bool
    /// Where the batch found the head.
    var batchHead = Head.empty

    /// Whether batches must see for themselves that their transaction is still the one they began; see
    /// ``Statements/updateHead(_:from:)``. On a server by itself nobody undoes a transaction unseen.
    var isGuarded: Bool { connection.server.isGalera }

    /// Whether the connection can't be used any more.
    package var isBroken: Bool { connection.isBroken }

    init(_ connection: Connection, _ role: SessionRole, of home: MySQLHome) {
        self.connection = connection
        self.role = role
        statements = Statements(names: home.names)
        registrations = home.registrations
        usesDatabaseClock = home.options.usesDatabaseClock
    }

    /// Undoes the open transaction, if there is one. When that fails the session is broken.
    package func rollBack() {
        var counts: [Int] = []
        var sql = Statements.rollback
        if isGuarded { sql.then(Statements.releaseCommits) }
        if !isBroken, connection.attempt(sql, &counts) != nil { connection.giveUp() }
    }

    /// Closes the connection.
    package func close() { connection.close() }

    /// Throws, and gives the connection up, if a row says that the server is read only: then it isn't the primary any
    /// more, and what it shows may be old.
    ///
    /// Asked after the moment that is read: whoever makes another server the primary first makes this one read only, so
    /// if it isn't, nobody can have written elsewhere before.
    func checkPrimary(_ row: Row, _ column: Int) throws(StoreError) {
        guard ServerFacts.isOn(row.text(column)) else { return }
        connection.giveUp()
        throw StoreError(
            .unavailable,
            "\(connection.place): \(Meaning.readOnly.happened). \(Meaning.readOnly.advice)",
            retry: .safe)
    }
}
