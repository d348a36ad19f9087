internal import CairnModel

/// Looks at how the server is set: what weakens the promise that an acknowledged write stays.
enum Durability {
    /// What the operator should know, in sentences.
    static func warnings(_ server: ServerFacts) -> [String] {
        var warnings: [String] = []
        if let value = server.number("innodb_flush_log_at_trx_commit"), value != 1, value != 3 {
            warnings.append(
                server.isGalera
                    ? """
                    innodb_flush_log_at_trx_commit is \(value): when all nodes of the cluster fail at once, the last \
                    second of acknowledged writes may be lost; 1 prevents that
                    """
                    : """
                    innodb_flush_log_at_trx_commit is \(value): a crash may lose the last second of acknowledged \
                    writes; 1 prevents that
                    """)
        }
        if ServerFacts.isOn(server.settings["log_bin"]), let value = server.number("sync_binlog"), value != 1 {
            warnings.append(
                """
                sync_binlog is \(value): after a crash of the machine the binary log may lack what the tables have, or \
                the tables what it has, and replicas differ from then on; 1 prevents that
                """)
        }
        if let value = server.settings["innodb_doublewrite"], !ServerFacts.isOn(value) {
            warnings.append(
                "innodb_doublewrite is off: a crash in the middle of a write may damage a table beyond repair")
        }
        if let method = server.settings["innodb_flush_method"], ["nosync", "littlesync"].contains(method) {
            warnings.append("innodb_flush_method is \(method): what is written isn't synced to the disk")
        }
        if ServerFacts.isOn(server.settings["log_bin"]), server.settings["binlog_format"] == "STATEMENT" {
            warnings.append(
                """
                binlog_format is STATEMENT: times and numbers may differ on replicas, and the server's log fills with \
                notes on that; set MIXED or ROW
                """)
        }
        if let replicas = server.number("slaves_connected"), replicas > 0, !isSemiSynchronous(server) {
            warnings.append(
                """
                \(replicas) asynchronous \(replicas == 1 ? "replica is" : "replicas are") connected: one that is made \
                the primary may lack writes that were acknowledged; semi-synchronous replication prevents that
                """)
        }
        return warnings
    }

    private static func isSemiSynchronous(_ server: ServerFacts) -> Bool {
        ["rpl_semi_sync_master_status", "rpl_semi_sync_source_status"].contains {
            ServerFacts.isOn(server.settings[$0])
        }
    }
}
