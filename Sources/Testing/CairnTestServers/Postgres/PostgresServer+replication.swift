internal import Foundation

// Standbys, fail-over, and the way back.

extension PostgresServer {
    /// Adds a hot standby that follows this server over a replication slot of its own, and waits until it follows.
    ///
    /// If `isSynchronous`, this server acknowledges a commit only when a standby has it on disk. Otherwise a standby
    /// that is promoted may lack what was acknowledged last.
    public func standby(isSynchronous: Bool = false) async throws -> PostgresServer {
        let standby = try await onOwnThread { [self] in
            let standby = try PostgresServer()
            let account = standby.process.launch.account
            let command = [
                try PostgresPrograms.path("pg_basebackup"), "-h", host, "-p", "\(port)", "-U", superuser, "-D",
                standby.dataDirectory, "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast",
                "--create-slot", "--slot=\(standby.slot)", "--no-sync",
            ]
            try Command.run(account.command(command), directory: standby.process.launch.directory)
            try standby.process.start()
            return standby
        }
        if isSynchronous { try await set("synchronous_standby_names", to: "*") }
        try await waitUntilFollowed(by: standby)
        return standby
    }

    /// Waits until `standby` has replayed everything that this server has committed so far.
    public func waitUntilFollowed(by standby: PostgresServer) async throws {
        try await onOwnThread { [self] in
            let place = try sqlBlocking("SELECT pg_current_wal_flush_lsn()")
            try block(until: "the standby on port \(standby.port) has replayed \(place)", within: .seconds(30)) {
                let isStreaming = try sqlBlocking(
                    "SELECT count(*) FROM pg_stat_replication JOIN pg_replication_slots ON pid = active_pid"
                        + " WHERE slot_name = '\(standby.slot)' AND state = 'streaming'")
                // The standby is asked, as it tells the primary only now and then.
                let hasReplayed = try standby.sqlBlocking("SELECT pg_last_wal_replay_lsn() >= '\(place)'")
                return isStreaming == "1" && hasReplayed == "t"
            }
        }
    }

    /// Makes this standby a primary, and waits until it takes writes.
    public func promote() async throws {
        guard try await sql("SELECT pg_promote(true, 30)") == "t" else {
            throw process.failure("was not promoted within 30 seconds")
        }
    }

    /// Whether this is a standby.
    public var isStandby: Bool { get async throws { try await sql("SELECT pg_is_in_recovery()") == "t" } }

    /// Makes this server, which was stopped or killed, a standby of `primary`, which was promoted in its place. What it
    /// had committed and `primary` lacks is lost.
    public func rewind(to primary: PostgresServer) async throws {
        try await onOwnThread { [self] in
            // Without a checkpoint pg_rewind would take the old timeline for the current one.
            try primary.sqlBlocking(
                "CHECKPOINT; SELECT pg_create_physical_replication_slot('\(slot)')")
            let source = "host=127.0.0.1 port=\(primary.port) user=\(superuser) dbname=postgres"
            let command = [
                try PostgresPrograms.path("pg_rewind"), "-D", dataDirectory, "--source-server=\(source)", "-R",
                "--no-sync",
            ]
            try Command.run(process.launch.account.command(command), directory: dataDirectory)
            try append("primary_slot_name = '\(slot)'\n", to: "postgresql.auto.conf")
            try process.start()
        }
        try await primary.waitUntilFollowed(by: self)
    }

    /// The name of the replication slot over which this server follows another.
    private var slot: String { "standby_\(port)" }
}
