internal import Foundation
internal import Glibc

/// A Prometheus that scrapes one address, several times a second.
public final class PrometheusServer: TestServer {
    /// Why Prometheus can't be run here; nil if it can.
    public static var unavailableReason: String? {
        Programs.reasonToSkip(programs: ["prometheus"], package: "prometheus")
    }

    /// Its process.
    public let process: ServerProcess

    private init(scraping target: String) throws {
        if let reason = PrometheusServer.unavailableReason { throw ServerFailure(reason) }
        let directory = try ServersDirectory.make("prometheus", for: nil)
        let port = try LoopbackPort.reserve()
        let launch = ServerProcess.Launch(
            name: "Prometheus",
            command: [
                Programs.path(of: "prometheus") ?? "prometheus", "--config.file=\(directory)/prometheus.yml",
                "--storage.tsdb.path=\(directory)/data", "--web.listen-address=127.0.0.1:\(port)",
            ],
            account: nil, directory: directory, stopSignal: SIGTERM)
        process = ServerProcess(launch, port: port, workingDirectory: directory) {
            (try? PrometheusServer.get("/-/ready", port: port)) != nil
        }
        let settings = """
            global:
              scrape_interval: 200ms
              scrape_timeout: 200ms
            scrape_configs:
              - job_name: cairn
                static_configs:
                  - targets: ["\(target)"]

            """
        try Data(settings.utf8).write(to: URL(fileURLWithPath: "\(directory)/prometheus.yml"))
    }

    /// Runs `body` with one that scrapes `target`, a `HOST:PORT`, and removes it afterwards.
    public static func with<Result>(
        scraping target: String, _ body: (PrometheusServer) async throws -> Result
    ) async throws -> Result {
        let server = try await onOwnThread {
            let server = try PrometheusServer(scraping: target)
            try server.process.start()
            return server
        }
        return try await server.removing(after: body)
    }

    /// The value of a query that has one, and nil if it has none yet (Prometheus's HTTP API, `/api/v1/query`).
    public func value(of query: String) async throws -> Double? {
        let allowed = CharacterSet.alphanumerics
        let escaped = query.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        let text = try await onOwnThread { [port] in
            try PrometheusServer.get("/api/v1/query?query=\(escaped)", port: port)
        }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
        guard let sample = answer.data.result.first?.value.last, case .text(let number) = sample else { return nil }
        return Double(number)
    }

    private struct Answer: Decodable {
        struct Data: Decodable { var result: [Series] }
        struct Series: Decodable { var value: [Item] }
        var data: Data
    }

    /// A sample is a time and a text.
    private enum Item: Decodable {
        case time(Double)
        case text(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let time = try? container.decode(Double.self) {
                self = .time(time)
            } else {
                self = .text(try container.decode(String.self))
            }
        }
    }

    /// Asks it, and throws unless the answer is a success. Blocks.
    private static func get(_ path: String, port: Int) throws -> String {
        try Command.run(
            ["curl", "--silent", "--show-error", "--fail", "http://127.0.0.1:\(port)\(path)"], within: .seconds(15))
    }
}
