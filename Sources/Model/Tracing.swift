/// Where a piece of work belongs in a trace: the trace's id and the span's own, as in W3C's trace context.
public struct TraceContext: Hashable, Sendable {
    /// The first half of the trace's id.
    public var traceIDHigh: UInt64
    /// The second half.
    public var traceIDLow: UInt64
    /// The span's id; never 0.
    public var spanID: UInt64
    /// Whether the span is recorded, by the decision of whoever began the trace.
    public var isSampled: Bool

    /// A context of these numbers. A trace's id has at least one bit that is set, and so has a span's.
    public init(traceIDHigh: UInt64, traceIDLow: UInt64, spanID: UInt64, isSampled: Bool) {
        self.traceIDHigh = traceIDHigh
        self.traceIDLow = traceIDLow
        self.spanID = spanID
        self.isSampled = isSampled
    }

    /// The recorded span that the current work is done for; `nil` if there is none.
    ///
    /// A server binds it around the calls that it traces. A store reads it when it takes a write, if it was opened with
    /// a ``Tracer``.
    @TaskLocal public static var current: TraceContext?
}

/// A piece of work that is over: a call, a batch, a snapshot.
public struct TraceSpan: Sendable {
    /// What a span says of itself besides its times.
    public enum Attribute: Hashable, Sendable {
        /// Text.
        case text(String)
        /// A number.
        case number(Int64)
        /// Bytes, such as a key that isn't text.
        case bytes([UInt8])
    }

    /// What it is to those around it.
    public enum Kind: Hashable, Sendable {
        /// Work within a program.
        case `internal`
        /// The answer to a call from outside.
        case server
    }

    /// What kind of work it is, such as `cairn.v1.KeyValue/Get`; of few different values.
    public var name: String
    /// What it is to those around it.
    public var kind = Kind.internal
    /// Its own place in the trace.
    public var context: TraceContext
    /// The span that it is a part of; `nil` if it is the first of its trace.
    public var parent: TraceContext?
    /// Whether the parent is in another process.
    public var isParentRemote = false
    /// The `tracestate` that came with the parent.
    public var state = ""
    /// When it began.
    public var start: Timestamp
    /// How long it took.
    public var duration: Duration
    /// What it says of itself.
    public var attributes: [(name: String, value: Attribute)] = []
    /// Other spans that have to do with it.
    public var links: [TraceContext] = []
    /// What went wrong, if something did.
    public var failure: String?

    /// A span that took `duration` from `start` on.
    public init(name: String, context: TraceContext, parent: TraceContext?, start: Timestamp, duration: Duration) {
        self.name = name
        self.context = context
        self.parent = parent
        self.start = start
        self.duration = duration
    }
}

/// Decides which work is recorded, and takes the spans of what is.
///
/// Called on event loops and by whoever commits batches, so neither function may block.
public protocol Tracer: Sendable {
    /// The context of a new span: a part of `parent`, or the first of a trace of its own without one. `nil` if it isn't
    /// to be recorded: a part is if its parent is sampled.
    func context(under parent: TraceContext?) -> TraceContext?

    /// Takes a span that is over. It may be dropped.
    func record(_ span: TraceSpan)
}
