import CairnServer
import CairnSettings
import Foundation
import Logging
import Metrics

/// Where traces go, and which.
struct TraceSettings {
    /// How long a server that stops waits for the collector.
    static let flushTime = Duration.seconds(3)

    private let collector: TraceCollector
    private let service: String
    private let ratio: Double

    /// As the settings say, or else the variables that every program with OpenTelemetry heeds; `nil` if traces are off.
    ///
    /// A variable that can't be heeded is only told, as it may be meant for others.
    init?(
        _ settings: Settings, environment: [String: String] = ProcessInfo.processInfo.environment, logger: Logger
    ) {
        var endpoint = settings.text(.traceTo).flatMap { EndpointText($0) }
        let variable = "OTEL_EXPORTER_OTLP_ENDPOINT"
        if endpoint == nil, let url = environment[variable], !url.isEmpty {
            endpoint = TraceSettings.endpoint(ofVariable: url, protocol: environment["OTEL_EXPORTER_OTLP_PROTOCOL"])
            if endpoint == nil {
                logger.warning(
                    "\(variable) is not heeded: it is neither http://HOST:PORT nor grpc://HOST:PORT; traces are off")
            }
        }
        guard let endpoint else { return nil }
        collector = TraceCollector(endpoint)
        service = settings.text(.traceServiceName) ?? "cairn"
        ratio = settings.ratio(.traceSample) ?? 1
    }

    /// The variable's URL begins with `http://` for gRPC, too; another variable tells which. Ports are OTLP's unless
    /// they are told.
    private static func endpoint(ofVariable url: String, protocol name: String?) -> EndpointText? {
        let isGRPC = name == "grpc"
        var endpoint = EndpointText(url) { $0 == .grpc || isGRPC ? 4317 : 4318 }
        if isGRPC {
            endpoint?.scheme = .grpc
            endpoint?.path = ""
        }
        return endpoint
    }

    /// What sends them; it doesn't yet.
    func exporter(metrics: any MetricsFactory, logger: Logger) throws -> TraceExporter {
        logger.info(
            "tracing", metadata: ["collector": "\(collector)", "service": "\(service)", "sample": "\(ratio)"])
        return try TraceExporter(to: collector, service: service, ratio: ratio, metrics: metrics, logger: logger)
    }
}

extension TraceCollector {
    fileprivate init(_ endpoint: EndpointText) {
        switch endpoint.scheme {
        case .grpc: self.init(.grpc, host: endpoint.host, port: endpoint.port)
        case .http: self.init(.http(path: endpoint.path + "/v1/traces"), host: endpoint.host, port: endpoint.port)
        }
    }
}
