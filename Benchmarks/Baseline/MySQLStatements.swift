import CairnModel

/// The baseline's tables and statements on MariaDB and MySQL.
///
/// The columns are those of Cairn's own tables, in the same order and sizes, but that an event which creates its key
/// doesn't say so twice: its `created_ref` is NULL, as its own number isn't known before it is there. The index by
/// lease, which Cairn's records have, is left out: nothing here would use it.
enum MySQLStatements {
    static let tables = [
        """
        CREATE TABLE IF NOT EXISTS baseline_events (
            ref BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
            kind INT NOT NULL,
            `key` VARBINARY(1024) NOT NULL,
            version BIGINT NOT NULL,
            lease_id BIGINT NOT NULL,
            created_ref BIGINT NULL,
            created_version BIGINT NOT NULL,
            previous_ref BIGINT NULL,
            time BIGINT NOT NULL,
            client_id VARBINARY(4096) NOT NULL,
            transaction_index INT NOT NULL,
            transaction_count INT NOT NULL,
            value_kind INT NOT NULL,
            value LONGBLOB NULL
        ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4
        """,
        """
        CREATE TABLE IF NOT EXISTS baseline_records (
            `key` VARBINARY(1024) NOT NULL PRIMARY KEY,
            version BIGINT NOT NULL,
            created_version BIGINT NOT NULL,
            created_ref BIGINT NOT NULL,
            updated_ref BIGINT NOT NULL,
            deleted_ref BIGINT NULL,
            lease_id BIGINT NOT NULL,
            value_kind INT NOT NULL,
            value LONGBLOB NULL
        ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET=utf8mb4
        """,
    ]

    /// What a session begins with. Without locks on the gaps between keys, writers of different keys don't meet; in the
    /// strict mode, a column that may not be NULL refuses it.
    static let settings = [
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET SESSION sql_mode = 'STRICT_ALL_TABLES'",
    ]

    /// The row of a key, with four numbers, the kind of its value and its value.
    static let read = """
        SELECT version, created_version, created_ref, updated_ref, value_kind, value
        FROM baseline_records WHERE `key` = ?
        """

    /// The row of a key, without what a set replaces anyhow.
    static let readForUpdate = """
        SELECT version, created_version, created_ref, updated_ref, value_kind FROM baseline_records WHERE `key` = ?
        """

    /// The transaction of a change, in one text: it takes text to send several statements at once.
    ///
    /// A record whose version isn't the one before is given none at all, which the column refuses: what follows is then
    /// not run, and the transaction is to be rolled back.
    static func write(_ change: BaselineChange) -> [UInt8] {
        var text = MySQLText()
        text.add(
            """
            START TRANSACTION;INSERT INTO baseline_events (kind, `key`, version, lease_id, created_ref, \
            created_version, previous_ref, time, client_id, transaction_index, transaction_count, value_kind, value) \
            VALUES (\(change.kind.rawValue),
            """)
        text.add(hex: change.key.bytes)
        text.add(",\(change.version),0,\(number(change.createdRef)),\(change.createdVersion),")
        text.add("\(number(change.previousRef)),")
        text.add("TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)),")
        text.add(hex: Array(change.clientID.utf8))
        text.add(",0,1,\(change.value.kind.rawValue),")
        text.add(hex: change.value.bytes)
        text.add(
            """
            );INSERT INTO baseline_records (`key`, version, created_version, created_ref, updated_ref, deleted_ref, \
            lease_id, value_kind, value) VALUES (
            """)
        text.add(hex: change.key.bytes)
        let createdRef = change.createdRef.map { String($0.rawValue) } ?? "LAST_INSERT_ID()"
        text.add(",\(change.version),\(change.createdVersion),\(createdRef),LAST_INSERT_ID(),NULL,0,")
        text.add("\(change.value.kind.rawValue),")
        text.add(hex: change.value.bytes)
        text.add(
            """
            ) ON DUPLICATE KEY UPDATE version = IF(version = \(change.version - 1), VALUES(version), NULL), \
            created_version = VALUES(created_version), created_ref = VALUES(created_ref), \
            updated_ref = VALUES(updated_ref), deleted_ref = VALUES(deleted_ref), lease_id = VALUES(lease_id), \
            value_kind = VALUES(value_kind), value = VALUES(value);COMMIT
            """)
        return text.bytes
    }

    private static func number(_ ref: Ref?) -> String { ref.map { String($0.rawValue) } ?? "NULL" }
}

/// SQL with values in it.
private struct MySQLText {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Adds bytes as a hexadecimal literal, which needs no escaping.
    mutating func add(hex value: [UInt8]) {
        bytes.reserveCapacity(bytes.count + 2 * value.count + 512)
        bytes.append(contentsOf: "X'".utf8)
        for byte in value {
            bytes.append(MySQLText.digit(byte >> 4))
            bytes.append(MySQLText.digit(byte & 15))
        }
        bytes.append(UInt8(ascii: "'"))
    }

    private static func digit(_ half: UInt8) -> UInt8 { half < 10 ? half + 0x30 : half + 0x37 }
}
