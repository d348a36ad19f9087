/// Where spans are sent: a collector that takes OTLP.
public struct TraceCollector: Hashable, Sendable, CustomStringConvertible {
    /// How a collector is spoken to.
    public enum Transport: Hashable, Sendable {
        /// OTLP/gRPC, without TLS.
        case grpc
        /// OTLP/HTTP with protobuf messages, without TLS, at this path.
        case http(path: String)
    }

    /// How.
    public var transport: Transport
    /// Its name or IP address.
    public var host: String
    /// Its TCP port.
    public var port: Int

    /// A collector at `host` and `port`.
    public init(_ transport: Transport, host: String, port: Int) {
        self.transport = transport
        self.host = host
        self.port = port
    }

    /// The collector as a URL.
    public var description: String {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        return switch transport {
        case .grpc: "grpc://\(place)"
        case .http(let path): "http://\(place)\(path)"
        }
    }
}

/// Why a collector did not take spans.
struct ExportFailure: Error, CustomStringConvertible {
    /// Whether the same spans may be taken later.
    var mayRetry: Bool
    var description: String
}
