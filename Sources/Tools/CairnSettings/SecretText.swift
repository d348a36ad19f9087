/// Hides passwords in the URLs of stores.
package enum SecretText {
    private static let mark = "***"

    /// The text without what may be a password: that of `scheme://user:password@…`, and every parameter whose name
    /// speaks of one.
    package static func hidden(_ text: String) -> String {
        guard let scheme = text.firstRange(of: "://") else { return text }
        let rest = text[scheme.upperBound...]
        let query = rest.firstIndex(of: "?") ?? rest.endIndex
        var place = String(rest[..<query])
        // The last @: a password may hold one itself.
        if let at = place.lastIndex(of: "@"), let colon = place[..<at].firstIndex(of: ":") {
            place.replaceSubrange(place.index(after: colon)..<at, with: mark)
        }
        return text[..<scheme.upperBound] + place + hidden(query: rest[query...])
    }

    private static func hidden(query: Substring) -> String {
        guard query.first == "?" else { return String(query) }
        let parameters = query.dropFirst().split(separator: "&", omittingEmptySubsequences: false).map { parameter in
            guard let equals = parameter.firstIndex(of: "=") else { return String(parameter) }
            let name = parameter[..<equals].lowercased()
            let isSecret = ["pass", "pwd", "secret", "token"].contains { name.contains($0) }
            return isSecret ? parameter[...equals] + mark : String(parameter)
        }
        return "?" + parameters.joined(separator: "&")
    }
}
