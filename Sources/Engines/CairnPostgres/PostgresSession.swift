internal import CairnModel
internal import CairnSQL

/// A connection to the PostgreSQL server, and what a home does with it.
///
/// Each method costs one round trip, whatever it does. Those that change something run a transaction of their own.
///
/// `@unchecked Sendable`: its contract says that one thread at a time uses it.
package final class PostgresSession: ServerSession, @unchecked Sendable {
    let connection: Connection
    let names: Names
    let statements: Statements
    let options: ServerOptions
    let registrations: Registrations
    /// The statement that makes the settings of a transaction; empty where the connection keeps them.
    var settings: [Call] { connection.isPooled ? [Call(SessionSettings.local, transactionSettings)] : [] }
    private let transactionSettings: Parameters

    package var isBroken: Bool { connection.isBroken }

    /// Makes a connection ready for its role.
    init(_ connection: Connection, for role: SessionRole, of home: PostgresHome) throws(StoreError) {
        self.connection = connection
        names = Names(home.url.schema)
        statements = Statements(schema: home.url.schema)
        options = home.options
        registrations = home.registrations
        transactionSettings = SessionSettings.parameters(for: role)
        try SessionSettings.make(
            on: connection, for: role, isPooled: home.suspicion.isRaised ? true : home.url.isPooled)
    }

    package func rollBack() {
        connection.forgetAhead()
        guard connection.isInTransaction else { return }
        connection.post([Call(Statements.rollBack)])
    }

    package func close() { connection.close() }

    /// Runs statements in a transaction of their own, and returns when it is committed.
    ///
    /// When the connection breaks, the outcome is unknown; none of the transactions that use this minds being run
    /// twice.
    func transaction(isRelaxed: Bool = false, _ calls: [Call]) throws(StoreError) -> [Rows] {
        let leading = [Call(Statements.begin)] + settings + (isRelaxed ? [Call(Statements.relaxed)] : [])
        do throws(StoreError) {
            let rows = try connection.run(leading + calls + [Call(Statements.commit)])
            try checkCommit(rows.last)
            return Array(rows.dropFirst(leading.count).dropLast())
        } catch {
            rollBack()
            throw error
        }
    }

    /// Sees to it that a COMMIT has done what it is for.
    func checkCommit(_ answer: Rows?) throws(StoreError) {
        if connection.takeLostReplication() {
            connection.giveUp()
            throw StoreError(
                .unavailable,
                "\(connection.place): the change is stored on the primary, but its wait for the synchronous standby "
                    + "was broken off, so a fail-over could lose it. See that the standby runs.",
                retry: .unknownOutcome
            )
        }
        guard answer?.tag == "COMMIT" else {
            throw StoreError(
                .storageFailed, "\(connection.place): the server has undone the transaction. Nothing was changed.",
                retry: .safe)
        }
    }
}

/// What a connection is set to.
///
/// Every read is one of an index, in its order, a few rows at a time. The planner can't know that and would sometimes
/// rather read a whole table; so it isn't asked. Time limits on locks and idle transactions see to it that a process
/// that hangs in the middle of a batch doesn't hold up the others for ever. Where the server's operator has set such
/// limits, those hold.
enum SessionSettings {
    private static let list = """
        set_config('enable_seqscan', 'off', $scope), set_config('enable_bitmapscan', 'off', $scope),
        set_config('enable_sort', 'off', $scope), set_config('jit', 'off', $scope),
        set_config('lock_timeout',
            CASE current_setting('lock_timeout') WHEN '0' THEN '5s' ELSE current_setting('lock_timeout') END, $scope),
        set_config('idle_in_transaction_session_timeout',
            CASE current_setting('idle_in_transaction_session_timeout') WHEN '0' THEN $1::text
            ELSE current_setting('idle_in_transaction_session_timeout') END, $scope)
        """
    /// For the transaction alone.
    static let local = Statement("", "SELECT \(list.replacing("$scope", with: "true"))")
    /// For the connection, unless it is a pooler's: then the process that the server told of is another than the one
    /// that answers.
    private static let first = Statement(
        "",
        """
        SELECT coalesce($2::boolean, pg_backend_pid() <> $3::integer),
            current_setting('server_version_num')::integer, current_setting('server_version'), pg_is_in_recovery(),
            \(list.replacing("$scope", with: "coalesce($2::boolean, pg_backend_pid() <> $3::integer)"))
        """
    )

    static func parameters(for role: SessionRole) -> Parameters {
        var parameters = Parameters()
        parameters.add(role == .writing ? "10s" : "60s")
        return parameters
    }

    /// Makes the settings, and sees whether the server will do.
    static func make(on connection: Connection, for role: SessionRole, isPooled: Bool?) throws(StoreError) {
        var parameters = parameters(for: role)
        if let isPooled { parameters.add(isPooled) } else { parameters.addNull() }
        parameters.add(connection.backend)
        connection.isPooled = true  // nothing is left behind before it is known
        let answer = try connection.run(Call(first, parameters))
        guard answer.integer(0, 1) >= 120_000 else {
            throw StoreError(
                .unsuitableHome,
                "\(connection.place): the server is PostgreSQL \(answer.text(0, 2)); a store needs 12 or newer"
            )
        }
        guard role == .stale || !answer.flag(0, 3) else {
            throw .postgres(
                ServerWords(state: "25006", message: "pg_is_in_recovery() is true"), place: connection.place)
        }
        connection.isPooled = answer.flag(0, 0)
    }
}
