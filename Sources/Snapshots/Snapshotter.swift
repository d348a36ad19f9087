package import CairnKeyspace
package import CairnMemory
package import CairnModel
internal import Dispatch
package import Logging
internal import Metrics
internal import Synchronization

/// Makes the snapshots of one memory engine: at an interval if something has changed, when asked, and at the end.
///
/// All that blocks is done on a queue of its own, one thing at a time. The engine is stopped for none of it.
package final class Snapshotter: SnapshotMaker {
    private struct State {
        /// The engine's revision in the newest snapshot; `nil` if it isn't the engine's.
        var savedRevision: Int?
        /// How many uses of keys were counted when the newest snapshot was made.
        var savedUses: Int
        var newestTime: Timestamp?
    }

    /// How the keys of the engine are used, for who opens a store over it; `nil` where that isn't counted.
    package let keyMetrics: KeyMetricsTable?
    private let engine: MemoryEngine
    private let store: any SnapshotStore
    private let options: SnapshotOptions
    private let clock: any WallClock
    private let logger: Logger
    private let figures: SnapshotFigures
    private let state: Mutex<State>
    // Snapshots take seconds of processor and file; a queue's thread may wait for that, and keeps them in order.
    private let queue = DispatchQueue(label: "cairn-snapshots")

    /// `newest` is the newest snapshot there is, and `isSaved` whether the engine is what was restored from it, or is
    /// empty as there is none.
    package init(
        _ engine: MemoryEngine, keyMetrics: KeyMetricsTable? = nil, in store: any SnapshotStore,
        options: SnapshotOptions, newest: SnapshotName?, isSaved: Bool, clock: any WallClock, logger: Logger
    ) {
        self.engine = engine
        self.keyMetrics = keyMetrics
        self.store = store
        self.options = options
        self.clock = clock
        self.logger = logger
        figures = SnapshotFigures(factory: options.metrics ?? NOOPMetricsHandler.instance)
        state = Mutex(
            State(
                savedRevision: isSaved ? 0 : nil, savedUses: keyMetrics?.useCount ?? 0, newestTime: newest?.time))
    }

    /// Makes a snapshot at each interval if something has changed, until the task is cancelled. One that fails is
    /// logged, and tried again after the next.
    package func run() async {
        guard let interval = options.interval else { return }
        while !Task.isCancelled {
            let next = clock.now() + interval
            guard (try? await clock.sleep(until: next)) != nil else { return }
            do throws(StoreError) {
                _ = try await onQueue { (maker) throws(StoreError) in try maker.makeIfChanged(for: .interval) }
            } catch {
                logger.error(
                    "snapshot failed; the next is tried in \(interval)",
                    metadata: ["error": "\(error)", "place": "\(store.place)"])
            }
        }
    }

    package func createSnapshot() async throws(StoreError) -> Snapshot {
        let call = options.tracer == nil ? nil : TraceContext.current
        return try await onQueue { (maker) throws(StoreError) in
            try maker.make(of: maker.engine.cut(), for: .request, call: call)
        }
    }

    package func snapshots() async throws(StoreError) -> [Snapshot] {
        try await onQueue { (maker) throws(StoreError) in try maker.list() }
    }

    /// Makes the last snapshot, if something has changed or was used, and lets go of the place. Nothing may be asked
    /// afterwards.
    package func finish() async throws(StoreError) {
        try await onQueue { (maker) throws(StoreError) in
            defer { maker.store.close() }
            do throws(StoreError) {
                _ = try maker.makeIfChanged(for: .shutdown)
            } catch {
                maker.logger.error(
                    "the last snapshot failed; what has changed since the one before is lost",
                    metadata: ["error": "\(error)", "place": "\(maker.store.place)"])
                throw error
            }
        }
    }

    private func onQueue<Value: Sendable>(
        _ body: @escaping @Sendable (Snapshotter) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        // Resumed once, when the queue has come to it.
        let result = await withCheckedContinuation { (caller: CheckedContinuation<Result<Value, StoreError>, Never>) in
            queue.async { [self] in
                do throws(StoreError) {
                    caller.resume(returning: .success(try body(self)))
                } catch {
                    caller.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    // MARK: On the queue

    private func makeIfChanged(for occasion: Snapshot.Occasion) throws(StoreError) -> Snapshot? {
        let cut = engine.cut()
        let (revision, uses) = state.withLock { ($0.savedRevision, $0.savedUses) }
        // Where keys are only read there is nothing to be made at each interval, so the last one has what was counted.
        let isUsed = occasion == .shutdown && uses != keyMetrics?.useCount ?? 0
        if revision == cut.revision, !isUsed { return nil }
        return try make(of: cut, for: occasion)
    }

    /// Makes a snapshot, and counts it.
    private func make(
        of cut: MemoryCut, for occasion: Snapshot.Occasion, call: TraceContext? = nil
    ) throws(StoreError) -> Snapshot {
        do throws(StoreError) {
            let snapshot = try makeTraced(of: cut, for: occasion, call: call)
            figures.made(for: occasion)
            return snapshot
        } catch {
            figures.failed(error.code)
            throw error
        }
    }

    /// Makes a snapshot, and records its span: a part of the call that asked for it, if that is traced.
    private func makeTraced(
        of cut: MemoryCut, for occasion: Snapshot.Occasion, call: TraceContext?
    ) throws(StoreError) -> Snapshot {
        guard let tracer = options.tracer, let context = tracer.context(under: call) else {
            return try write(cut, for: occasion)
        }
        let begun = (time: clock.now(), instant: ContinuousClock.now)
        let outcome: Result<Snapshot, StoreError>
        do throws(StoreError) { outcome = .success(try write(cut, for: occasion)) } catch { outcome = .failure(error) }
        var span = TraceSpan(
            name: "cairn.snapshot", context: context, parent: call, start: begun.time,
            duration: ContinuousClock.now - begun.instant)
        span.attributes = [
            ("cairn.snapshot.occasion", .text("\(occasion)")),
            ("cairn.snapshot.ref", .number(cut.head.lastRef.rawValue)),
        ]
        switch outcome {
        case .success(let made): span.attributes.append(("cairn.snapshot.bytes", .number(made.byteCount)))
        case .failure(let error): span.failure = error.code.rawValue
        }
        tracer.record(span)
        return try outcome.get()
    }

    private func write(_ cut: MemoryCut, for occasion: Snapshot.Occasion) throws(StoreError) -> Snapshot {
        let start = ContinuousClock.now
        let time = SnapshotRules.time(at: clock.now(), after: state.withLock { $0.newestTime })
        let name = SnapshotName(server: options.server, time: time)
        var random = SystemRandomNumberGenerator()
        let header = SnapshotHeader(
            server: options.server, time: time, occasion: occasion, isEncrypted: options.key != nil,
            salt: (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }, head: cut.head)
        var byteCount: Int64 = 0
        let (key, keyMetrics) = (options.key, keyMetrics)
        // Before they are written: what is counted meanwhile may be missing.
        let uses = keyMetrics?.useCount ?? 0
        try store.write(name) { (sink) throws(StoreError) in
            byteCount = try SnapshotWriter.write(cut, header, keyMetrics: keyMetrics, key: key, to: sink)
        }
        state.withLock {
            $0.savedRevision = cut.revision
            $0.savedUses = uses
            $0.newestTime = time
        }
        let snapshot = Snapshot(header, byteCount: byteCount)
        logger.info(
            "snapshot made",
            metadata: [
                "name": "\(snapshot.name)", "occasion": "\(occasion)", "ref": "\(cut.head.lastRef)",
                "bytes": "\(byteCount)", "took": "\(ContinuousClock.now - start)",
            ])
        removeSurplus()
        return snapshot
    }

    /// A snapshot too many does no harm, so what goes wrong here is told and tried again after the next snapshot.
    private func removeSurplus() {
        do throws(StoreError) {
            for name in SnapshotRules.surplus(try store.list(of: options.server), keep: options.keep) {
                try store.delete(name)
            }
        } catch {
            logger.warning("old snapshots could not be removed", metadata: ["error": "\(error)"])
        }
    }

    private func list() throws(StoreError) -> [Snapshot] {
        var found: [Snapshot] = []
        for stored in try store.list(of: options.server) {
            do throws(StoreError) {
                found.append(
                    Snapshot(try SnapshotReader.header(of: stored, in: store), byteCount: stored.byteCount))
            } catch {
                guard SnapshotRules.mayPassOver(error) || error.code == .formatTooNew else { throw error }
                logger.warning("a snapshot is broken", metadata: ["name": "\(stored.name.text)", "error": "\(error)"])
            }
        }
        return found
    }
}

extension Snapshot {
    fileprivate init(_ header: SnapshotHeader, byteCount: Int64) {
        self.init(
            name: SnapshotName(server: header.server, time: header.time).text, time: header.time,
            headRef: header.head.lastRef, occasion: header.occasion, isEncrypted: header.isEncrypted,
            byteCount: byteCount)
    }
}
