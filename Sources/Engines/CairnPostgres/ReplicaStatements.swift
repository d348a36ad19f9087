/// The statements by which replicas know of each other.
struct ReplicaStatements: Sendable {
    let forget, join, leave, greet, signOfLife, living, lastBatch: Statement

    init(_ names: Names) {
        let replicas = names.qualified("replicas")
        forget = Statement(
            "", "DELETE FROM \(replicas) WHERE seen_at < \(Statements.now) - 86400000000")
        join = Statement(
            "",
            """
            INSERT INTO \(replicas) (id, address, started_at, seen_at, last_batch)
            VALUES ($1::text, $2::text, \(Statements.now), \(Statements.now), 0) RETURNING number
            """
        )
        leave = Statement("", "DELETE FROM \(replicas) WHERE number = $1::bigint AND id = $2::text")
        greet = Statement("", "SELECT pg_notify($1::text, $2::text)")
        signOfLife = names.statement("sign_of_life", ReplicaStatements.signOfLife(replicas: replicas))
        living = names.statement(
            "replicas",
            "SELECT number, address FROM \(replicas) WHERE seen_at >= \(Statements.now) - $1::bigint ORDER BY number"
        )
        lastBatch = names.statement(
            "last_batch",
            """
            UPDATE \(replicas) SET seen_at = \(Statements.now) WHERE number = $1::bigint AND id = $2::text
            RETURNING last_batch
            """
        )
    }

    var all: [Statement] { [signOfLife, living, lastBatch] }

    private static func signOfLife(replicas: String) -> String {
        seen(replicas, number: "$1", id: "$2", address: "$3", lastBatch: "NULL")
    }

    /// Notes that a replica was seen, and its last batch unless that is NULL. The row is made anew if somebody has
    /// deleted it.
    static func seen(
        _ replicas: String, number: String, id: String, address: String, lastBatch: String
    ) -> String {
        """
        INSERT INTO \(replicas) AS replica (number, id, address, started_at, seen_at, last_batch)
            VALUES (\(number)::bigint, \(id)::text, \(address)::text, \(Statements.now), \(Statements.now),
                coalesce(\(lastBatch)::bigint, 0))
            ON CONFLICT (number) DO UPDATE SET seen_at = excluded.seen_at,
                last_batch = coalesce(\(lastBatch)::bigint, replica.last_batch)
            WHERE replica.id = excluded.id RETURNING 1
        """
    }
}

/// The statements that free room.
struct UpkeepStatements: Sendable {
    let trimEvents, forgetRequests: Statement

    init(_ names: Names) {
        func table(_ name: String) -> String { names.qualified(name) }
        trimEvents = names.statement(
            "trim_events",
            """
            DELETE FROM \(table("events")) WHERE ref < least(
                (SELECT oldest_ref FROM \(table("head")) WHERE id = 1),
                (SELECT min(ref) FROM \(table("events"))) + $1::bigint)
            """
        )
        forgetRequests = names.statement(
            "forget_requests",
            """
            DELETE FROM \(table("requests")) WHERE id = ANY(ARRAY(
                SELECT id FROM \(table("requests")) WHERE time < $1::bigint ORDER BY time LIMIT $2::bigint))
            """
        )
    }

    var all: [Statement] { [trimEvents, forgetRequests] }
}
