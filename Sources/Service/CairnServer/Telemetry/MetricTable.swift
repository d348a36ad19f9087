/// What the metrics of Cairn mean: the page's HELP lines, and the table of the documentation.
package enum MetricTable {
    /// Every metric, with its labels.
    package static let rows: [(name: String, labels: String, help: String)] = [
        ("cairn_rpc_started_total", "method", "Calls that began, by method."),
        (
            "cairn_rpc_seconds", "method, status",
            "How long calls took, by method and gRPC status; its count is the number of calls that ended."
        ),
        ("cairn_connections", "", "Connections that are open."),
        ("cairn_connections_accepted_total", "", "Connections that were accepted."),
        ("cairn_connections_refused_total", "", "Connections that were closed at once, as too many were open."),
        ("cairn_tls_handshakes_refused_total", "", "TLS handshakes that failed, and client certificates that ended."),
        (
            "cairn_tls_certificate_days_left", "",
            "Days until the first of the server's own certificates ends; negative once it has."
        ),
        ("cairn_batch_seconds", "", "How long it took to decide and store a batch of writes."),
        ("cairn_batch_transactions", "", "How many transactions a batch held."),
        ("cairn_batch_failures_total", "reason", "Batches that could not be stored, by the error's reason."),
        (
            "cairn_read_seconds", "",
            "How long reads of a home on disk or on a server took; lookups that waited together are one."
        ),
        ("cairn_events_total", "kind", "Events that this process has written, by kind."),
        ("cairn_pruned_total", "", "Keys that this process has pruned."),
        (
            "cairn_prune_runs_total", "occasion",
            "Times that this process has pruned, by occasion: interval, growth, limit or manual."
        ),
        ("cairn_waiting_writes", "", "Transactions that wait for a batch."),
        ("cairn_head_ref", "", "The last event of the log, as far as this process knows."),
        ("cairn_watchers", "", "Watches that are open."),
        ("cairn_watchers_behind", "", "Watches that are reading the log, as they are not up to date."),
        ("cairn_watch_lag_events", "", "How many events the slowest watch has still to be given."),
        ("cairn_home_keys", "", "Live keys, where the home can tell."),
        ("cairn_home_bytes", "", "Bytes that the home takes, where it can tell."),
        (
            "cairn_home_leases", "",
            "Leases that were granted or have a deadline, lifespans among them, where the home can tell."
        ),
        ("cairn_home_locks", "", "Locks that are held, where the home can tell."),
        ("cairn_snapshots_total", "occasion", "Snapshots that were made, by occasion: interval, request or shutdown."),
        ("cairn_snapshot_failures_total", "reason", "Snapshots that could not be made, by the error's reason."),
        ("cairn_read_only", "", "1 if writes are refused."),
        ("cairn_database_seconds", "home, operation", "How long the database took, by operation."),
        ("cairn_database_batch_events", "home", "Events in a batch on a database server."),
        ("cairn_database_retries_total", "home, reason", "Batches and reads that were run again."),
        (
            "cairn_database_settled_total", "home, outcome",
            "Commits whose answer was lost, by what became of them."
        ),
        ("cairn_database_sessions", "home", "Connections to the database."),
        ("cairn_database_head_ref", "home", "The last event that this replica knows of."),
        ("cairn_database_on_duty", "home", "1 if this replica sweeps."),
        ("cairn_trace_spans_exported_total", "", "Spans that the collector of traces has taken."),
        (
            "cairn_trace_spans_dropped_total", "reason",
            "Spans that no collector has: too many waited, it refused them, or the server stopped."
        ),
        ("cairn_info", "version", "1; its label says what runs."),
        ("process_cpu_seconds_total", "", "Processor time that the process has used, in seconds."),
        ("process_resident_memory_bytes", "", "Memory that the process has in RAM."),
        ("process_virtual_memory_bytes", "", "Memory that the process has mapped."),
        ("process_open_fds", "", "File descriptors that are open."),
        ("process_max_fds", "", "File descriptors that may be open."),
        ("process_threads", "", "Threads of the process."),
        ("process_start_time_seconds", "", "When the process started, in seconds since 1970."),
    ]

    private static let helps = Dictionary(uniqueKeysWithValues: rows.map { ($0.name, $0.help) })

    /// What a metric means; empty for one that isn't ours.
    package static func help(of name: String) -> String { helps[name] ?? "" }

    /// The table's lines, in Markdown.
    package static var table: [String] {
        ["| metric | labels | what |", "|---|---|---|"] + rows.map { "| `\($0.name)` | \($0.labels) | \($0.help) |" }
    }
}
