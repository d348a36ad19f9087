internal import CairnModel
internal import CairnProtocol
internal import Foundation
internal import SwiftProtobuf

private typealias WireSpan = Opentelemetry_Proto_Trace_V1_Span
private typealias WireAttribute = Opentelemetry_Proto_Common_V1_KeyValue

extension ExportRequest {
    /// The spans, as those of a service.
    init(_ spans: [TraceSpan], service: String, instance: String) {
        self.init()
        resourceSpans = [
            .with { resource in
                resource.resource.attributes = [
                    WireAttribute("service.name", .text(service)),
                    WireAttribute("service.version", .text(cairnVersion)),
                    WireAttribute("service.instance.id", .text(instance)),
                    WireAttribute("telemetry.sdk.name", .text("cairn")),
                    WireAttribute("telemetry.sdk.language", .text("swift")),
                ]
                resource.scopeSpans = [
                    .with {
                        $0.scope.name = "cairn"
                        $0.scope.version = cairnVersion
                        $0.spans = spans.map { WireSpan($0) }
                    }
                ]
            }
        ]
    }
}

extension WireSpan {
    /// The bits of `flags` that say whether the parent is known to be, and is, in another process.
    private static let (knowsRemote, isRemote): (UInt32, UInt32) = (1 << 8, 1 << 9)

    fileprivate init(_ span: TraceSpan) {
        self.init()
        traceID = span.context.traceIDBytes
        spanID = span.context.spanIDBytes
        traceState = span.state
        if let parent = span.parent { parentSpanID = parent.spanIDBytes }
        name = span.name
        kind = span.kind == .server ? .server : .internal
        let start = UInt64(max(0, span.start.rawValue)) * 1_000
        startTimeUnixNano = start
        let nanoseconds = span.duration / .nanoseconds(1)
        endTimeUnixNano = start + UInt64(max(0, nanoseconds))
        attributes = span.attributes.map { WireAttribute($0.name, $0.value) }
        links = span.links.map { context in
            .with {
                $0.traceID = context.traceIDBytes
                $0.spanID = context.spanIDBytes
                $0.flags = context.flags | WireSpan.knowsRemote
            }
        }
        if let failure = span.failure {
            status.code = .error
            status.message = failure
        }
        flags = span.context.flags | WireSpan.knowsRemote | (span.isParentRemote ? WireSpan.isRemote : 0)
    }
}

extension WireAttribute {
    fileprivate init(_ name: String, _ value: TraceSpan.Attribute) {
        self.init()
        key = name
        switch value {
        case .text(let text): self.value.stringValue = text
        case .number(let number): self.value.intValue = number
        case .bytes(let bytes): self.value.bytesValue = Data(bytes)
        }
    }
}

extension TraceContext {
    fileprivate var traceIDBytes: Data { TraceContext.bytes(traceIDHigh) + TraceContext.bytes(traceIDLow) }
    fileprivate var spanIDBytes: Data { TraceContext.bytes(spanID) }
    fileprivate var flags: UInt32 { isSampled ? 1 : 0 }

    private static func bytes(_ number: UInt64) -> Data {
        Data((0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) })
    }
}
