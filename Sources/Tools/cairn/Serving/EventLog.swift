import Cairn
import Logging
import Synchronization

/// The log of events: one line for each event that is committed from now on, in whatever process, while it is on.
///
/// A watch like any other, so it delays no write. It tells neither values nor what was before it was switched on.
final class EventLog: Sendable {
    private let keyspace: Keyspace
    private let output: LogOutput
    private let logger: Logger
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(keyspace: Keyspace, output: LogOutput, logger: Logger) {
        self.keyspace = keyspace
        self.output = output
        self.logger = logger
    }

    /// Switches it on or off.
    func set(isOn: Bool) {
        task.withLock { task in
            if isOn == (task != nil) { return }
            task?.cancel()
            // Unstructured: it lasts until it is switched off, or the store is closed.
            task = isOn ? Task { [self] in await run() } : nil
        }
    }

    private func run() async {
        while !Task.isCancelled {
            do throws(StoreError) {
                let stream = try await keyspace.watch(WatchRequest(range: .all))
                var updates = stream.makeAsyncIterator()
                while let update = try await updates.next() {
                    if case .events(let events) = update { for event in events { write(event) } }
                }
            } catch {
                if error.code == .closed || error.code == .cancelled { return }
                logger.error("the log of events begins anew in a second", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// Whatever the level of the log is: who switches this on wants to see it.
    private func write(_ event: Event) {
        var fields: Logger.Metadata = [
            "ref": "\(event.ref)", "kind": "\(event.kind)", "key": "\(TextLines.printable(event.key.bytes))",
            "version": "\(event.version)",
        ]
        if !event.clientID.isEmpty { fields["client"] = "\(event.clientID)" }
        output.write(LogLine(time: event.time, level: .info, label: "cairn.events", message: "event", metadata: fields))
    }
}
