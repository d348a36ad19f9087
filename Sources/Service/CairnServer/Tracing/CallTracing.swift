internal import CairnModel
internal import CairnRPC
internal import Foundation
internal import Synchronization

/// Traces the calls of a server: a span each, under the caller's if it names one.
struct CallTracing: RPCCallTracer {
    private let tracer: any Tracer
    private let fields = RequestFields()

    init(_ tracer: any Tracer) { self.tracer = tracer }

    func span(of context: RPCContext) -> (any RPCCallSpan)? {
        let metadata = context.metadata
        let parents = metadata.texts("traceparent")
        let parent = parents.isEmpty ? nil : TraceParent(parents: parents, states: metadata.texts("tracestate"))
        guard let own = tracer.context(under: parent?.context) else { return nil }
        return CallSpan(context.method, own, under: parent, tracer, fields)
    }
}

/// One call.
private final class CallSpan: RPCCallSpan {
    private let method: String
    private let context: TraceContext
    private let parent: TraceParent?
    private let tracer: any Tracer
    private let fields: RequestFields
    private let start = CallSpan.now
    private let startedAt = ContinuousClock.now
    private let asked = Mutex<(key: [UInt8]?, clientID: [UInt8]?)>((nil, nil))

    init(
        _ method: String, _ context: TraceContext, under parent: TraceParent?, _ tracer: any Tracer,
        _ fields: RequestFields
    ) {
        self.method = method
        self.context = context
        self.parent = parent
        self.tracer = tracer
        self.fields = fields
    }

    private static var now: Timestamp {
        Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    }

    func didReceive(request: RawSpan) {
        let found = fields.read(request, of: method)
        asked.withLock { $0 = found }
    }

    func starting(_ body: () throws -> Void) rethrows {
        try TraceContext.$current.withValue(context, operation: body)
    }

    func didEnd(_ status: RPCStatus) {
        // A caller can name anything, which would make as many names of spans.
        let isKnown = fields.knows(method)
        var span = TraceSpan(
            name: isKnown ? method : "unknown", context: context, parent: parent?.context, start: start,
            duration: ContinuousClock.now - startedAt)
        span.kind = .server
        span.isParentRemote = parent != nil
        span.state = parent?.state ?? ""
        span.attributes = [("rpc.system", .text("grpc"))]
        let names = method.split(separator: "/", maxSplits: 1)
        if isKnown, names.count == 2 {
            span.attributes.append(("rpc.service", .text(String(names[0]))))
            span.attributes.append(("rpc.method", .text(String(names[1]))))
        }
        span.attributes.append(("rpc.grpc.status_code", .number(Int64(status.code.rawValue))))
        let (key, clientID) = asked.withLock { $0 }
        if let clientID { span.attributes.append(("cairn.client_id", .of(clientID))) }
        if let key { span.attributes.append(("cairn.key", .of(key))) }
        if status.code.isServerFailure {
            span.failure = status.message.isEmpty ? status.code.description : status.message
        }
        tracer.record(span)
    }
}

extension RPCStatus.Code {
    /// Whether a server has failed by OpenTelemetry's rules; with other codes it has answered as it should.
    fileprivate var isServerFailure: Bool {
        [.unknown, .deadlineExceeded, .unimplemented, .internal, .unavailable, .dataLoss].contains(self)
    }
}

extension TraceSpan.Attribute {
    /// Text if the bytes are some, or else the bytes.
    fileprivate static func of(_ bytes: [UInt8]) -> TraceSpan.Attribute {
        String(validating: bytes, as: UTF8.self).map { .text($0) } ?? .bytes(bytes)
    }
}
