package import CairnKeyspace
package import CairnModel
internal import Logging
internal import Synchronization

/// A home on a database server, shared by any number of processes: replicas.
///
/// A batch is one transaction that begins by locking the one row that holds the head of the log, so batches of all
/// replicas run one after the other, refs have no gaps and the order of the log is that of the commits. Reads are
/// statements of their own on other connections, and see all that was committed before them. What differs between
/// servers is in a ``ServerHome`` and its sessions.
package final class ServerEngine<Home: ServerHome>: Engine {
    /// The home's name.
    package var name: String { home.name }
    /// Everything but a copy in a file, which the database's own tools make.
    package var capabilities: Capabilities { .databaseServer }
    /// Calls wait for the database.
    package let blocks = true
    /// The number of reading connections.
    package var readers: Int { pool.count }
    /// Another replica's commit is known when it was announced, which may be after it was acknowledged.
    package let noticesForeignChangesAtOnce = false

    let home: Home
    let options: ServerOptions
    let metrics: ServerMetrics
    let writer: BatchWriter<Home>
    let pool: SessionPool<Home>
    let presence: Presence<Home>
    /// The records that were lately read or written.
    let cache: CoherentRecords
    /// Grows with each connection after the first: the database may be another one now.
    let connections = Atomic<Int>(0)

    /// Opens the home: connects, brings the tables up to date, and joins the replicas.
    ///
    /// Blocks. What it throws says what to change; the database must be there within ``ServerOptions/patience``.
    package init(_ home: Home, options: ServerOptions) throws(StoreError) {
        self.home = home
        self.options = options
        let metrics = ServerMetrics(home: home.name, logger: options.logger)
        self.metrics = metrics
        let cache = CoherentRecords(bytes: options.recordCacheBytes)
        self.cache = cache
        // A new connection may lead to a database that knows less.
        pool = SessionPool(home, role: .reading, count: options.readers, metrics: metrics) { cache.forget() }
        let session = try ServerEngine.open(home, patience: options.patience, metrics)
        do throws(StoreError) {
            for warning in try home.prepare(session) {
                options.logger.warning("\(warning)", metadata: ["home": "\(home.place)"])
            }
            let channel = try home.openChannel(options.logger)
            let number: Int64
            do throws(StoreError) {
                number = try ServerEngine.join(session, channel, patience: options.patience)
            } catch {
                channel.stop()
                throw error
            }
            writer = BatchWriter(session)
            presence = Presence(
                home, number: number, channel: channel, interval: options.beatInterval, metrics: metrics,
                logger: options.logger)
        } catch {
            session.close()
            metrics.sessionClosed()
            throw error
        }
        // Before the first batch, so that it is known who is on duty, and others hear of us.
        presence.start { [weak self] in self?.connections.add(1, ordering: .releasing) }
    }

    private static func open(
        _ home: Home, patience: Duration, _ metrics: ServerMetrics
    ) throws(StoreError) -> Home.Session {
        var patience = Patience(patience)
        while true {
            do throws(StoreError) {
                let session = try home.open(.writing)
                metrics.sessionOpened()
                return session
            } catch {
                guard error.isTransient, patience.wait(after: error) else { throw error }
                metrics.retry(after: error)
            }
        }
    }

    /// Registers the replica. The head's lock, which that takes, may be held for a while by a process that hangs.
    private static func join(
        _ session: Home.Session, _ channel: any AnnouncementChannel, patience: Duration
    ) throws(StoreError) -> Int64 {
        var patience = Patience(patience)
        let id = ReplicaID()
        while true {
            do throws(StoreError) {
                return try session.join(id, address: channel.address)
            } catch {
                guard error.isTransient, !session.isBroken, patience.wait(after: error) else { throw error }
            }
        }
    }

    /// The first replica of those that live; it is this one if no other is known.
    package var isOnDuty: Bool { presence.isOnDuty }
    /// Another number after each new connection.
    package var continuity: Int { connections.load(ordering: .acquiring) }

    /// Nothing is known without asking the database.
    package func readyRecord(_ key: Key) -> ReadyRecord? { nil }
    /// Most of what is asked for was read or written before.
    package let recalls = true
    /// A batch costs a round trip and the sync of the database's log.
    package let gathersBatches = true

    /// Whether an event after `ref` was announced.
    package func mayHaveForeignChanges(since ref: Ref) -> Bool { presence.heard > ref }

    /// Has `changed` called for each announcement, each beat that brought news, and each change of duty.
    package func listen(_ changed: @escaping @Sendable () -> Void) -> Bool {
        presence.listen(changed)
        return true
    }

    /// Not supported: the database has tools for it.
    package func backup(toFile path: String) throws(StoreError) {
        try capabilities.require(.backup)
    }

    /// Leaves the replicas and closes the connections.
    package func close() {
        presence.stop()
        writer.close(metrics)
        pool.close()
    }
}

extension Capabilities {
    /// What a home on a database server can do.
    package static let databaseServer = Capabilities(Set(Capability.allCases).subtracting([.backup]))
}
