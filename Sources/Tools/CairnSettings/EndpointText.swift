/// Where something is sent: `grpc://HOST:PORT` or `http://HOST:PORT`, the latter with a path if need be.
package struct EndpointText: Hashable, Sendable {
    package enum Scheme: String, Hashable, Sendable {
        case grpc
        case http
    }

    package var scheme: Scheme
    package var host: String
    package var port: Int
    /// Empty, or beginning with a slash and not ending with one.
    package var path: String

    /// The parts of a text; `nil` if it isn't such a URL. A port may be left out if there is a `standardPort`.
    package init?(_ text: String, standardPort: (Scheme) -> Int? = { _ in nil }) {
        guard let end = text.firstRange(of: "://"), let scheme = Scheme(rawValue: String(text[..<end.lowerBound]))
        else {
            return nil
        }
        let rest = text[end.upperBound...]
        let place = rest.prefix { $0 != "/" }
        var path = rest[place.endIndex...]
        while path.last == "/" { path.removeLast() }
        guard scheme == .http || path.isEmpty, !rest.contains(where: { $0.isWhitespace || "@?#".contains($0) }),
            let (host, port) = EndpointText.parts(of: place), let port = port ?? standardPort(scheme)
        else { return nil }
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = String(path)
    }

    /// The host and the port, if there is one; an IPv6 address is in brackets.
    private static func parts(of place: Substring) -> (host: String, port: Int?)? {
        var host = place
        var port: Int?
        if let colon = place.lastIndex(of: ":"), !place[colon...].contains("]") {
            guard let number = Int(place[place.index(after: colon)...]), (1...65_535).contains(number) else {
                return nil
            }
            host = place[..<colon]
            port = number
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty ? nil : (String(host), port)
    }
}
