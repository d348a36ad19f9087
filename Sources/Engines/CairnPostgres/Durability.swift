internal import CairnModel

/// What the server's settings mean for what a store promises.
enum Durability {
    /// What the operator should know: where an acknowledged change could be lost.
    static func warnings(on connection: Connection) throws(StoreError) -> [String] {
        let rows = try connection.run(
            Call(
                Statement(
                    "",
                    """
                    SELECT current_setting('fsync'), current_setting('full_page_writes'),
                        current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
                        (SELECT count(*) FROM pg_stat_replication WHERE coalesce(state, 'streaming') = 'streaming')
                    """)))
        return warnings(
            Settings(
                fsync: rows.text(0, 0), fullPageWrites: rows.text(0, 1), synchronousCommit: rows.text(0, 2),
                synchronousStandbys: rows.text(0, 3), standbys: Int(rows.integer(0, 4))))
    }

    /// The server's settings that matter, as it shows them.
    struct Settings {
        var fsync = "on"
        var fullPageWrites = "on"
        var synchronousCommit = "on"
        var synchronousStandbys = ""
        /// How many standbys are connected now.
        var standbys = 0
    }

    /// What these settings put at risk.
    static func warnings(_ settings: Settings) -> [String] {
        var warnings: [String] = []
        if settings.fsync == "off" {
            warnings.append(
                "fsync is off: when the server's machine stops, acknowledged changes are lost and the database may be "
                    + "damaged")
        }
        if settings.fullPageWrites == "off" {
            warnings.append(
                "full_page_writes is off: when the server's machine stops, the database may be damaged unless its file "
                    + "system writes pages whole")
        }
        let hasSynchronous = !settings.synchronousStandbys.isEmpty
        switch settings.synchronousCommit {
        case "off":
            warnings.append(
                "synchronous_commit is off: when the server stops, the changes of the last moments are lost, though "
                    + "they were acknowledged; set it to on for this user or database")
        case "local" where hasSynchronous:
            warnings.append(
                "synchronous_commit is local: changes are acknowledged before a standby has them, and a fail-over can "
                    + "lose them; set it to on for this user or database")
        case "remote_write" where hasSynchronous:
            warnings.append(
                "synchronous_commit is remote_write: changes are acknowledged before the standby has them on its disk")
        default: break
        }
        if settings.standbys > 0, !hasSynchronous {
            warnings.append(
                "the server's standbys are asynchronous: one that is promoted can lose what was acknowledged; set "
                    + "synchronous_standby_names, or never promote a standby that is behind")
        }
        return warnings
    }
}
