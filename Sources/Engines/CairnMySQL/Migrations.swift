internal import CMariaDB
internal import CairnModel
internal import Dispatch
internal import Foundation

/// The steps that bring the tables to ``Schema/version``.
///
/// The server commits before and after each statement that makes or changes a table, so a step is no transaction: each
/// of its statements may be run again, and the version is written when all of them are done. A process that dies on the
/// way leaves tables with our mark and without a version, and the next one goes on.
enum Migrations {
    /// What is there.
    private enum Found {
        case nothing
        /// Our mark, and a version unless somebody was interrupted.
        case ours(version: Int?)
    }

    /// Brings the tables to the newest version, if they aren't; else only reads.
    static func run(on connection: Connection, _ names: Names) throws(StoreError) {
        // A role that may only read and write the tables comes no further than this.
        if let version = try version(on: connection, names) {
            if version == Schema.version { return }
            try check(version, on: connection, names)
        }
        try withLock(on: connection, names) { () throws(StoreError) in
            var version = 0
            if case .ours(let found) = try inspect(connection, names) { version = found ?? 0 }
            try check(version, on: connection, names)
            try migrate(from: version, on: connection, names)
        }
    }

    private static func migrate(from version: Int, on connection: Connection, _ names: Names) throws(StoreError) {
        if version < 1 {
            for table in Schema.tables(names) { try connection.run(table) }
            for view in Schema.views(names) { try connection.run(view) }
            try connection.run("INSERT IGNORE INTO \(names.head) VALUES (1, 0, 1, 0, 0)")
            try connection.run(
                """
                INSERT IGNORE INTO \(names.schema) (id, version, token, changed_at) VALUES \
                (1, 1, \(ChannelToken.random().bytes), \(Statements.now))
                """)
        }
    }

    /// The version that the tables say, or `nil` if they don't: there are none, or not all.
    private static func version(on connection: Connection, _ names: Names) throws(StoreError) -> Int? {
        do throws(StoreError) {
            return try connection.integer("SELECT version FROM \(names.schema) WHERE id = 1").map { Int($0) }
        } catch {
            // There is no such table, or it isn't ours and has no such columns.
            guard error.code == .corrupted else { throw error }
            return nil
        }
    }

    private static func check(_ version: Int, on connection: Connection, _ names: Names) throws(StoreError) {
        guard version > Schema.version else { return }
        throw StoreError(
            .formatTooNew,
            """
            \(connection.place): the tables have format \(version), and this program knows up to \(Schema.version); \
            use the newer Cairn that made them
            """)
    }

    /// Looks at the tables that have our names.
    private static func inspect(_ connection: Connection, _ names: Names) throws(StoreError) -> Found {
        var query: SQL = """
            SELECT table_name, table_comment FROM information_schema.tables \
            WHERE table_schema = DATABASE() AND table_name IN (
            """
        query.append(list: names.all) { $0.append(hex: Array($1.text.utf8)) }
        query.append(")" as StaticString)
        var found: [String: String] = [:]
        try connection.run(query) { found[$1.text(0).lowercased()] = $1.text(1) }
        if found.isEmpty { return .nothing }
        guard found[names.schema.text.lowercased()] == Schema.mark.description else {
            let examples = found.keys.sorted().prefix(3).joined(separator: ", ")
            throw StoreError(
                .foreignFile,
                """
                \(connection.place): there are tables of another program (\(examples)) where Cairn's would be; \
                choose another prefix, as in ?prefix=cairn2_, or another database
                """)
        }
        return .ours(version: try version(on: connection, names))
    }
}

// One process at a time.
extension Migrations {
    /// Runs `body` while no other process does the same for these tables.
    private static func withLock(
        on connection: Connection, _ names: Names, _ body: () throws(StoreError) -> Void
    ) throws(StoreError) {
        // Locks with a name are one node's own, and ask a cluster's nodes nothing.
        if connection.server.isGalera { return try withClaim(on: connection, names, body) }
        let name: SQL = "CONCAT('cairn.', SHA1(CONCAT(DATABASE(), '/', \(Array(names.schema.text.utf8)))))"
        guard try connection.integer("SELECT GET_LOCK(\(name), \(patienceSeconds))") == 1 else {
            throw tooLong(connection)
        }
        do throws(StoreError) {
            try body()
        } catch {
            // The lock ends with the connection at the latest.
            connection.sendAhead("DO RELEASE_LOCK(\(name))")
            throw error
        }
        try connection.run("DO RELEASE_LOCK(\(name))")
    }

    /// The same in a Galera cluster, where it must not happen on two nodes at once: nodes that make a view at the same
    /// time may hang for good. Who gets a row into the table `schema` may go on; one that somebody left behind who died
    /// is removed after a while.
    private static func withClaim(
        on connection: Connection, _ names: Names, _ body: () throws(StoreError) -> Void
    ) throws(StoreError) {
        _ = try inspect(connection, names)
        if let table = Schema.tables(names).first { try connection.run(table) }
        let token = ChannelToken.random()
        let end = DispatchTime.now() + .seconds(patienceSeconds)
        while try !claim(token, on: connection, names) {
            if try version(on: connection, names) == Schema.version { return }
            guard DispatchTime.now() < end else { throw tooLong(connection) }
            Thread.sleep(forTimeInterval: 0.1)
        }
        do throws(StoreError) {
            try body()
        } catch {
            connection.sendAhead(unclaim(token, names))
            throw error
        }
        try connection.run(unclaim(token, names))
    }

    /// Tries to be the one. Of two nodes at once the cluster lets one commit.
    private static func claim(
        _ token: ChannelToken, on connection: Connection, _ names: Names
    ) throws(StoreError) -> Bool {
        do throws(StoreError) {
            try connection.run(
                """
                DELETE FROM \(names.schema) \
                WHERE id = 2 AND changed_at < \(Statements.now) - \(staleSeconds * 1_000_000);\
                INSERT INTO \(names.schema) (id, version, token, changed_at) VALUES \
                (2, 0, \(token.bytes), \(Statements.now))
                """)
            return true
        } catch {
            guard error.code == .storageBusy || error.nativeCode == ER_DUP_ENTRY else { throw error }
            return false
        }
    }

    private static func unclaim(_ token: ChannelToken, _ names: Names) -> SQL {
        "DELETE FROM \(names.schema) WHERE id = 2 AND token = \(token.bytes)"
    }

    /// How long to wait for another process.
    private static let patienceSeconds = 30
    /// After which time whoever has claimed the tables is taken for dead.
    private static let staleSeconds = 60

    private static func tooLong(_ connection: Connection) -> StoreError {
        StoreError(
            .storageBusy,
            """
            \(connection.place): another process has been making or changing the tables for \(patienceSeconds) \
            seconds; try again
            """, retry: .safe)
    }
}

extension Connection {
    /// The number in the first column of the first row, if there is one and it isn't NULL.
    func integer(_ sql: SQL) throws(StoreError) -> Int64? {
        var found: Int64?
        try run(sql) { if found == nil { found = $1.optionalInteger(0) } }
        return found
    }
}
