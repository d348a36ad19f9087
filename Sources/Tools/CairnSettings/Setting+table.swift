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
    package static let historyLimit = Setting(
        "history-limit", .integer(0...Int.max), otherwise: "all that the log keeps",
        "Tell at most so many states of a key, the current one included; 0 tells none.", placeholder: "n")
    package static let historyLimitFor = Setting(
        "history-limit-for", .list,
        "The same for the keys of a prefix: PREFIX=N, or PREFIX=all. May be repeated; the longest prefix counts.",
        placeholder: "limit")
    package static let historyOfEnded = Setting(
        "history-of-ended", .flag, standard: "true",
        "Tell what keys were before they were deleted, expired or created anew.")
    package static let maxKeyBytes = Setting(
        "max-key-bytes", .bytes(1...1_024), standard: "1024", "Refuse keys that are longer.", placeholder: "bytes")
    package static let maxValueBytes = Setting(
        "max-value-bytes", .bytes(1...4 << 20), standard: "4MiB", "Refuse values that are larger.",
        placeholder: "bytes")
    package static let maxWaitingWrites = Setting(
        "max-waiting-writes", .integer(1...10_000_000), standard: "100000",
        "Refuse writes with OVERLOADED while this many wait.", placeholder: "n")
    package static let maxWatches = Setting(
        "max-watches", .integer(1...10_000_000), otherwise: "any number",
        "Refuse watches with TOO_MANY_WATCHES while so many are open.", placeholder: "n")
    package static let watchBuffer = Setting(
        "watch-buffer", .bytes(4_096...1 << 30), standard: "1MiB",
        "Hold so many bytes of events for a slow watch; what is more it reads from the log again, and misses nothing.",
        placeholder: "bytes")
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
        "tls-cert", .text, "Serve with TLS: the certificate and its issuers, as PEM, which SIGHUP reads anew.",
        placeholder: "file")
    package static let tlsKey = Setting(
        "tls-key", .text, "The certificate's private key, as PEM, which SIGHUP reads anew.", placeholder: "file")
    package static let tlsClientCA = Setting(
        "tls-client-ca", .text,
        "Ask clients for a certificate of these authorities, as PEM up to their roots, which SIGHUP reads anew.",
        placeholder: "file")
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

    // MARK: Security

    package static let tokens = Setting(
        "tokens", .text, otherwise: "none: anybody may call",
        "Let in who shows a token or certificate that is in this YAML file, which SIGHUP reads anew.",
        placeholder: "file")
    package static let jwtKey = Setting(
        "jwt-key", .text, otherwise: "none",
        "Let in who shows a JSON Web Token that is signed with this key, which SIGHUP reads anew: a public key as PEM, "
            + "a set as JWKS, or a secret for HMAC.", placeholder: "file")
    package static let jwtIssuer = Setting(
        "jwt-issuer", .text, otherwise: "anybody with the key", "Who must have issued a JSON Web Token.",
        placeholder: "name")
    package static let jwtAudience = Setting(
        "jwt-audience", .text, otherwise: "anything", "What a JSON Web Token must be meant for.", placeholder: "name")
    package static let adminClientIDs = Setting(
        "admin-client-ids", .list, otherwise: "none",
        "Clients who may change how the server runs. Without tokens a client id is only said, not proven. "
            + "May be repeated.",
        placeholder: "name", reloadable: true)

    // MARK: Operations

    package static let monitor = Setting(
        "monitor", .text, otherwise: "off",
        "Where to serve /metrics, /livez and /readyz over HTTP: HOST:PORT or unix:PATH; port 0 takes a free one.",
        placeholder: "address")
    package static let profiling = Setting(
        "profiling", .flag, standard: "false",
        "Serve /debug/threads, /debug/memory and /debug/profile on the monitor's address, too.")
    package static let traceTo = Setting(
        "trace-to", .endpoint, otherwise: "OTEL_EXPORTER_OTLP_ENDPOINT, or off",
        "Send traces by OTLP: grpc://HOST:PORT or http://HOST:PORT.", placeholder: "url")
    package static let traceServiceName = Setting(
        "trace-service-name", .text, standard: "cairn", "What the traces call this service.", placeholder: "name")
    package static let traceSample = Setting(
        "trace-sample", .ratio, standard: "1",
        "Record this share of calls that come without a trace; those that come with one as it says.",
        placeholder: "ratio")
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
        store, readReplica, readOnly, retainEvents, retainFor, historyLimit, historyLimitFor, historyOfEnded,
        maxKeyBytes, maxValueBytes, minLockDuration, maxLockDuration, minLifespan, maxWaitingWrites, maxWatches,
        watchBuffer, requestWindow, backupDirectory, maxKeys,
        pruneAt, pruneTo, pruneInterval, eagerPruneAt, eagerPruneTo, pruneBy, pruneExempt, keyMetrics, snapshotTo,
        snapshotName, snapshotInterval, snapshotKeep, snapshotKeyFile,
        fresh, listen, tlsCert, tlsKey, tlsClientCA, threads, maxConnections, maxConcurrentCalls, keepaliveInterval,
        keepaliveTimeout, maxConnectionIdle, maxConnectionAge, compressFrom, drainTime, tokens, jwtKey, jwtIssuer,
        jwtAudience, adminClientIDs, monitor, profiling, traceTo, traceServiceName, traceSample, logLevel, logFormat,
        logEvents,
    ]
}
