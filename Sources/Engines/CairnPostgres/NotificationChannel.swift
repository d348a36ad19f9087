internal import CairnModel
internal import CairnSQL
internal import Dispatch
internal import Foundation
internal import Glibc
internal import Logging
internal import Synchronization

/// Announcements by PostgreSQL's LISTEN and NOTIFY: the database passes them on with the commit of their batch.
///
/// Has a connection and a thread of its own. When the connection breaks it is made anew, after a while that grows with
/// each failure; meanwhile replicas notice each other's batches by their beats.
final class NotificationChannel: AnnouncementChannel {
    /// Empty: the database knows who listens.
    let address = ""

    private let url: PostgresURL
    private let name: String
    private let logger: Logger
    /// The connection that was opened first, until the thread takes it.
    private let first: Mutex<Connection?>
    private let isStopped = Atomic<Bool>(false)
    private let isStarted = Atomic<Bool>(false)
    private let ended = DispatchSemaphore(value: 0)
    /// A pipe; what is written to its end wakes the thread.
    private let wakeUp: (reading: Int32, writing: Int32)

    /// Opens the connection and listens. Blocks. Fails if there is a pooler in between: what it listens to, the next
    /// transaction doesn't hear.
    init(_ url: PostgresURL, name: String, logger: Logger) throws(StoreError) {
        self.url = url
        self.name = name
        self.logger = logger
        first = Mutex(try NotificationChannel.connect(url, name))
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            first.withLock { $0?.close() }
            throw StoreError(.storageFailed, "no pipe could be made (error \(errno)); raise the limit of open files")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        wakeUp = (ends[0], ends[1])
    }

    deinit {
        first.withLock { $0?.close() }
        Glibc.close(wakeUp.reading)
        Glibc.close(wakeUp.writing)
    }

    func start(_ hear: @escaping @Sendable (String) -> Void) {
        guard !isStarted.exchange(true, ordering: .sequentiallyConsistent) else { return }
        let connection = first.withLock { first in
            defer { first = nil }
            return first
        }
        Thread.detachNewThread { [self] in
            Thread.current.name = "cairn-listen"
            listen(connection, hear)
            ended.signal()
        }
    }

    /// Does nothing: a batch's transaction has sent it.
    func send(_ text: String, to replicas: [Replica]) {}

    func stop() {
        guard !isStopped.exchange(true, ordering: .sequentiallyConsistent) else { return }
        var byte: UInt8 = 0
        // The pointer is to a local, for the time of the call. A full pipe wakes, too.
        _ = write(wakeUp.writing, &byte, 1)
        if isStarted.load(ordering: .sequentiallyConsistent) { ended.wait() }
    }

    private static func connect(_ url: PostgresURL, _ name: String) throws(StoreError) -> Connection {
        let connection = try Connection.openListening(url)
        do throws(StoreError) {
            // What the URL says of a pooler isn't said of the address to listen at.
            let isPooled = url.listen != nil && url.isPooled == true ? nil : url.isPooled
            try SessionSettings.make(on: connection, for: .writing, isPooled: isPooled)
            guard !connection.isPooled else {
                throw StoreError(
                    .unsuitableHome,
                    "\(connection.place): a pooler is in between, through which nothing can be heard. Add "
                        + "listen=HOST:PORT with the server's own address to the URL, or pooled=false if the pooler "
                        + "keeps a connection for a whole session."
                )
            }
            _ = try connection.run(Call(Statement("", "LISTEN \(Names.quoted(name))")))
            return connection
        } catch {
            connection.close()
            throw error
        }
    }

    // MARK: The thread

    private func listen(_ first: Connection?, _ hear: (String) -> Void) {
        var connection = first
        var failures = 0
        while !isStopped.load(ordering: .sequentiallyConsistent) {
            do throws(StoreError) {
                if let open = connection {
                    try listen(on: open, hear)
                } else {
                    connection = try NotificationChannel.connect(url, name)
                    failures = 0
                    logger.info("listening again", metadata: ["place": "\(url.place)"])
                    // Whatever was sent meanwhile was missed.
                    hear("")
                }
            } catch {
                if connection != nil || failures % 20 == 0 {
                    logger.warning("not listening", metadata: ["place": "\(url.place)", "error": "\(error)"])
                }
                connection?.close()
                connection = nil
                failures += 1
                wait(.milliseconds(Int.random(in: 50...100) << min(failures, 6)))
            }
        }
        connection?.close()
    }

    /// Waits for one arrival and hands it on.
    private func listen(on connection: Connection, _ hear: (String) -> Void) throws(StoreError) {
        for text in try connection.notifications() { hear(text) }
        var pollers = [
            pollfd(fd: wakeUp.reading, events: Int16(POLLIN), revents: 0),
            pollfd(fd: connection.socket, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&pollers, 2, -1)
    }

    /// Sleeps, unless it is time to stop.
    private func wait(_ duration: Duration) {
        var poller = pollfd(fd: wakeUp.reading, events: Int16(POLLIN), revents: 0)
        _ = poll(&poller, 1, Int32(clamping: duration.microseconds / 1_000))
    }
}
