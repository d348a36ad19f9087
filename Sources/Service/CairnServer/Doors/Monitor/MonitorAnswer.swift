/// What the monitor answers to a request.
struct MonitorAnswer: Sendable, Equatable {
    /// The HTTP status, such as 200.
    var status: Int
    var contentType = "text/plain; charset=utf-8"
    var body: String

    /// What is asked for.
    enum Page: String, Sendable, CaseIterable {
        case metrics = "/metrics"
        case live = "/livez"
        case ready = "/readyz"
    }

    /// What a request asks for, or the answer to one that asks for nothing there is.
    static func page(method: String, uri: String) -> Result<Page, Refusal> {
        guard method == "GET" || method == "HEAD" else {
            return .failure(Refusal(MonitorAnswer(status: 405, body: "only GET and HEAD are answered\n")))
        }
        let path = uri.prefix { $0 != "?" && $0 != "#" }
        guard let page = Page(rawValue: String(path)) else {
            let paths = Page.allCases.map(\.rawValue).joined(separator: ", ")
            return .failure(Refusal(MonitorAnswer(status: 404, body: "there are \(paths)\n")))
        }
        return .success(page)
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

    /// The page of metrics.
    static func metrics(_ families: [MetricFamily]) -> MonitorAnswer {
        MonitorAnswer(status: 200, contentType: PrometheusText.contentType, body: PrometheusText.page(families))
    }
}
