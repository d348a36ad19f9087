// Every setting of `cairn serve`, in the order of its help.
extension Setting {
    // MARK: The store

    package static let store = Setting(
        "store", .text, standard: "sqlite:./cairn.db", "The store: memory:, sqlite:PATH, postgres://… or mysql://….",
        placeholder: "url", secret: true)
    package static let readReplica = Setting(
        "read-replica", .text, "A read replica of the store's database, for stale reads.", placeholder: "url",
        secret: true)
    package static let readOnly = Setting(
        "read-only", .flag, standard: "false", "Refuse writes with READ_ONLY; reads, watches and expiry go on.",
        reloadable: true)
    package static let retainEvents = Setting(
        "retain-events", .integer(1...Int.max), otherwise: "all of them", "Keep at most this many events in the log.",
        placeholder: "n", reloadable: true)
    package static let retainFor = Setting(
        "retain-for", .duration(atLeast: 1), otherwise: "for ever", "Keep events for this long, such as 30d.",
        placeholder: "duration", reloadable: true)
    package static let maxKeyBytes = Setting(
        "max-key-bytes", .bytes(1...1_024), standard: "1024", "Refuse keys that are longer.", placeholder: "bytes")
    package static let maxValueBytes = Setting(
        "max-value-bytes", .bytes(1...4 << 20), standard: "4MiB", "Refuse values that are larger.",
        placeholder: "bytes")
    package static let maxWaitingWrites = Setting(
        "max-waiting-writes", .integer(1...10_000_000), standard: "100000",
        "Refuse writes with OVERLOADED while this many wait.", placeholder: "n")
    package static let requestWindow = Setting(
        "request-window", .duration(atLeast: 1_000_000), standard: "10m",
        "Remember request ids, which make writes safe to repeat, for this long.", placeholder: "duration")
    package static let backupDirectory = Setting(
        "backup-directory", .text, otherwise: "the system's temporary directory",
        "Where a backup is put together before it is sent.", placeholder: "directory")

    // MARK: Snapshots

    package static let snapshotTo = Setting(
        "snapshot-to", .text,
        "Keep snapshots of memory:, and begin with the newest: file:FOLDER, sqlite:PATH or postgres://….",
        placeholder: "url", secret: true)
    package static let snapshotName = Setting(
        "snapshot-name", .text, otherwise: "`cairn`", "Whose snapshots they are, where several servers have theirs.",
        placeholder: "name")
    package static let snapshotInterval = Setting(
        "snapshot-interval", .duration(atLeast: 0), otherwise: "`30s`",
        "How often to make one, if something has changed; 0s for none but the last.", placeholder: "duration")
    package static let snapshotKeep = Setting(
        "snapshot-keep", .integer(1...1_000_000), otherwise: "`5`", "How many snapshots are kept: the newest.",
        placeholder: "n")
    package static let snapshotKeyFile = Setting(
        "snapshot-key-file", .text, otherwise: "CAIRN_SNAPSHOT_KEY, or none",
        "Encrypt snapshots with the key in this file: 16 or 32 bytes, as they are, in hexadecimal digits or in base64.",
        placeholder: "file")
    package static let fresh = Setting(
        "fresh", .flag, standard: "false", "Begin with an empty store, although there are snapshots.")

    // MARK: Connections

    package static let listen = Setting(
        "listen", .list, standard: "127.0.0.1:4747",
        "Where to listen: HOST:PORT or unix:PATH; port 0 takes a free one. May be repeated.", placeholder: "address")
    package static let tlsCert = Setting(
        "tls-cert", .text, "Serve with TLS: the certificate and its issuers, as PEM.", placeholder: "file")
    package static let tlsKey = Setting(
        "tls-key", .text, "The certificate's private key, as PEM.", placeholder: "file")
    package static let tlsClientCA = Setting(
        "tls-client-ca", .text, "Ask clients for a certificate of these authorities, as PEM.", placeholder: "file")
    package static let threads = Setting(
        "threads", .integer(1...1_024), otherwise: "one for each core", "The threads that serve connections.",
        placeholder: "n")
    package static let maxConnections = Setting(
        "max-connections", .integer(1...1_000_000), standard: "4096", "Close connections beyond this many at once.",
        placeholder: "n")
    package static let maxConcurrentCalls = Setting(
        "max-concurrent-calls", .integer(1...100_000), standard: "256",
        "Refuse calls beyond this many at once on one connection, open watches included.", placeholder: "n")
    package static let keepaliveInterval = Setting(
        "keepalive-interval", .duration(atLeast: 1_000_000), standard: "1m",
        "Ping a connection that was silent for this long.", placeholder: "duration")
    package static let keepaliveTimeout = Setting(
        "keepalive-timeout", .duration(atLeast: 1_000), standard: "20s",
        "Close a connection that stays silent for this long after a ping.", placeholder: "duration")
    package static let maxConnectionIdle = Setting(
        "max-connection-idle", .duration(atLeast: 1_000), otherwise: "never",
        "Ask a client to go when its connection had no call for this long.", placeholder: "duration")
    package static let maxConnectionAge = Setting(
        "max-connection-age", .duration(atLeast: 1_000), otherwise: "never",
        "Ask a client to connect anew when its connection is this old.", placeholder: "duration")
    package static let compressFrom = Setting(
        "compress-from", .bytes(1...Int.max), otherwise: "never",
        "Compress responses of at least so many bytes for clients that accept gzip.", placeholder: "bytes")
    package static let drainTime = Setting(
        "drain-time", .duration(atLeast: 0), standard: "10s",
        "How long calls under way may take to end when the server stops.", placeholder: "duration")

    // MARK: Operations

    package static let monitor = Setting(
        "monitor", .text, otherwise: "off",
        "Where to serve /metrics, /livez and /readyz over HTTP: HOST:PORT; port 0 takes a free one.",
        placeholder: "address")
    package static let logLevel = Setting(
        "log-level", .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]), standard: "info",
        "What to log: trace, debug, info, notice, warning, error or critical.", placeholder: "level", reloadable: true)
    package static let logFormat = Setting(
        "log-format", .choice(["text", "json"]), standard: "text",
        "How to log: text, or json for one object a line.", placeholder: "format", reloadable: true)
    package static let logEvents = Setting(
        "log-events", .flag, standard: "false", "Log a line for each event: ref, kind, key and client; no values.",
        reloadable: true)

    /// All settings.
    package static let all: [Setting] = [
        store, readReplica, readOnly, retainEvents, retainFor, maxKeyBytes, maxValueBytes, maxWaitingWrites,
        requestWindow, backupDirectory, maxKeys, pruneAt, pruneTo, pruneInterval, eagerPruneAt, eagerPruneTo, pruneBy,
        pruneExempt, keyMetrics, snapshotTo, snapshotName, snapshotInterval, snapshotKeep, snapshotKeyFile,
        fresh, listen, tlsCert, tlsKey, tlsClientCA, threads, maxConnections, maxConcurrentCalls, keepaliveInterval,
        keepaliveTimeout, maxConnectionIdle, maxConnectionAge, compressFrom, drainTime, monitor, logLevel, logFormat,
        logEvents,
    ]
}
