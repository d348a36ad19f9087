import CairnRPC
import CairnServer

/// The trace that a command is a part of, as a script or a CI system tells it.
enum TraceHeaders {
    /// The headers `traceparent` and `tracestate` from the variables `TRACEPARENT` and `TRACESTATE`; none if the first
    /// is malformed.
    static func metadata(from environment: [String: String]) -> RPCMetadata {
        guard let text = environment["TRACEPARENT"] else { return [:] }
        let states = environment["TRACESTATE"].map { $0.isEmpty ? [] : [$0] } ?? []
        guard let parent = TraceParent(parents: [text], states: states) else { return [:] }
        var metadata: RPCMetadata = ["traceparent": text]
        if !parent.state.isEmpty { metadata.add("tracestate", parent.state) }
        return metadata
    }
}
