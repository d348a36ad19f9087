internal import Foundation

/// What the monitor answers to a request.
struct MonitorAnswer: Sendable, Equatable {
    /// The HTTP status, such as 200.
    var status: Int
    var contentType = "text/plain; charset=utf-8"
    var body: String

    /// What is asked for.
    enum Page: Hashable, Sendable {
        case metrics
        case live
        case ready
        case threads
        case memory
        /// What the threads do for so many seconds.
        case profile(seconds: Int)
    }

    /// How long a profile may take, in seconds.
    static let profileSeconds = 1...60

    private static let pages: KeyValuePairs<String, Page> = [
        "/metrics": .metrics, "/livez": .live, "/readyz": .ready, "/debug/threads": .threads, "/debug/memory": .memory,
        "/debug/profile": .profile(seconds: 10),
    ]

    /// What a request asks for, or the answer to one that asks for nothing there is.
    static func page(method: String, uri: String) -> Result<Page, Refusal> {
        guard method == "GET" || method == "HEAD" else {
            return .failure(Refusal(MonitorAnswer(status: 405, body: "only GET and HEAD are answered\n")))
        }
        let path = uri.prefix { $0 != "?" && $0 != "#" }
        guard let page = pages.first(where: { $0.key == path })?.value else {
            let paths = pages.map(\.key).joined(separator: ", ")
            return .failure(Refusal(MonitorAnswer(status: 404, body: "there are \(paths)\n")))
        }
        guard case .profile(let standard) = page else { return .success(page) }
        return seconds(in: uri[path.endIndex...], or: standard).map { .profile(seconds: $0) }
    }

    /// The `seconds` of a query; other parameters are passed over.
    private static func seconds(in query: Substring, or standard: Int) -> Result<Int, Refusal> {
        let parameters = query.dropFirst().prefix { $0 != "#" }.split(separator: "&")
        guard let text = parameters.last(where: { $0 == "seconds" || $0.hasPrefix("seconds=") })?.dropFirst(8) else {
            return .success(standard)
        }
        guard let seconds = Int(text), profileSeconds.contains(seconds) else {
            let (least, most) = (profileSeconds.lowerBound, profileSeconds.upperBound)
            let words = "seconds must be a whole number from \(least) to \(most)\n"
            return .failure(Refusal(MonitorAnswer(status: 400, body: words)))
        }
        return .success(seconds)
    }

    /// The answer to a request that asks for nothing there is.
    struct Refusal: Error {
        let answer: MonitorAnswer

        init(_ answer: MonitorAnswer) { self.answer = answer }
    }

    /// The server lives.
    static let live = MonitorAnswer(status: 200, body: "ok\n")

    /// The server is ready, or why it is not.
    static func readiness(_ problem: String?) -> MonitorAnswer {
        problem.map { MonitorAnswer(status: 503, body: "\($0)\n") } ?? MonitorAnswer(status: 200, body: "ready\n")
    }

    /// Nobody wanted profiles.
    static let profilingIsOff = MonitorAnswer(
        status: 404, body: "profiling is off; start the server with --profiling (the setting profiling: true)\n")

    /// Figures as JSON.
    static func json(_ figures: some Encodable) -> MonitorAnswer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let body = (try? encoder.encode(figures)).map { String(decoding: $0, as: UTF8.self) + "\n" }
        return MonitorAnswer(status: body == nil ? 500 : 200, contentType: "application/json", body: body ?? "")
    }

    /// The page of metrics.
    static func metrics(_ families: [MetricFamily]) -> MonitorAnswer {
        MonitorAnswer(status: 200, contentType: PrometheusText.contentType, body: PrometheusText.page(families))
    }
}
