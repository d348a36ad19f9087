internal import CairnModel

/// Looks at whether a server can be a home at all.
enum Suitability {
    /// Throws ``CairnModel/StoreError/Code/unsuitableHome``, saying what to change.
    static func check(_ connection: Connection) throws(StoreError) {
        let server = connection.server
        let oldest = server.product == "MariaDB" ? (10, 3) : (8, 0)
        guard (server.version.major, server.version.minor) >= oldest else {
            throw unsuitable(
                connection,
                """
                the server is \(server.product) \(server.versionText); Cairn needs MariaDB 10.3 or MySQL 8.0, or newer
                """)
        }
        if let size = server.number("innodb_page_size"), size < 8_192 {
            throw unsuitable(
                connection,
                """
                innodb_page_size is \(size), and keys of 1,024 bytes don't fit into an index; use a server whose pages \
                have at least 8192 bytes
                """)
        }
        let innodb = try connection.integer(
            "SELECT COUNT(*) FROM information_schema.engines WHERE engine = 'InnoDB' AND support IN ('YES', 'DEFAULT')")
        guard innodb == 1 else {
            throw unsuitable(connection, "the server has no InnoDB; turn it on, as no other engine will do")
        }
    }

    private static func unsuitable(_ connection: Connection, _ words: String) -> StoreError {
        StoreError(.unsuitableHome, "\(connection.place): \(words)")
    }

    /// Runs, on no rows at all, each kind of statement that the home will need, so that a right that is missing is told
    /// of now and not in the middle of the work.
    static func checkRights(_ connection: Connection, _ names: Names) throws(StoreError) {
        var sql = Statements.begin
        for (table, column) in [
            (names.records, "version"), (names.leases, "is_granted"), (names.locks, "deadline"),
            (names.consumers, "updated_at"), (names.requests, "time"), (names.replicas, "seen_at"),
        ] as [(Identifier, SQL)] {
            sql.then("INSERT INTO \(table) SELECT * FROM \(table) WHERE FALSE")
            sql.then("UPDATE \(table) SET \(column) = \(column) WHERE FALSE")
        }
        sql.then("INSERT INTO \(names.events) SELECT * FROM \(names.events) WHERE FALSE")
        sql.then("UPDATE \(names.head) SET time = time WHERE FALSE")
        for table in [names.events, names.leases, names.locks, names.consumers, names.requests, names.replicas] {
            sql.then("DELETE FROM \(table) WHERE FALSE")
        }
        sql.then(Statements.rollback)
        do throws(StoreError) {
            try connection.run(sql)
        } catch {
            connection.sendAhead(Statements.rollback)
            throw error
        }
    }
}
