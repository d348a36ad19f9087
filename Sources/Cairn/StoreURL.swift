public import CairnModel

/// Names a store: a scheme, and what its home needs to know.
public struct StoreURL: Hashable, Sendable {
    /// Where the data lives.
    public enum Home: Hashable, Sendable {
        /// In memory: `memory:`.
        case memory
        /// In a SQLite file: `sqlite:PATH`, relative to the working directory unless it begins with `/`.
        /// `sqlite://PATH` is the same.
        case sqlite(path: String)
        /// On a PostgreSQL server: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or `postgresql://…`.
        case postgres(url: String)
        /// On a MySQL or MariaDB server: `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, or `mariadb://…`.
        case mysql(url: String)
    }

    /// Where the data lives.
    public let home: Home

    private static let schemes = "memory:, sqlite:PATH, postgres://… or mysql://…"

    /// Reads a URL. Throws ``CairnModel/StoreError/Code/invalidURL``, naming the schemes that there are.
    public init(_ text: String) throws(StoreError) {
        guard let colon = text.firstIndex(of: ":") else {
            throw StoreError(.invalidURL, "what is given is no store URL; write \(StoreURL.schemes)")
        }
        var rest = text[text.index(after: colon)...]
        switch text[..<colon] {
        case "memory":
            guard rest.isEmpty || rest == "//" else {
                throw StoreError(.invalidURL, "memory: takes nothing after the colon, but there is \"\(rest)\"")
            }
            home = .memory
        case "sqlite":
            if rest.hasPrefix("//") { rest = rest.dropFirst(2) }
            guard !rest.isEmpty else {
                throw StoreError(.invalidURL, "sqlite: needs the path of a file, as in sqlite:./data.db")
            }
            home = .sqlite(path: String(rest))
        case "postgres", "postgresql", "mysql", "mariadb":
            // The home itself reads the rest.
            guard rest.hasPrefix("//") else {
                throw StoreError(
                    .invalidURL, "\(text[..<colon]): must go on with //, as in \(text[..<colon])://USER@HOST/DATABASE")
            }
            home = text.hasPrefix("p") ? .postgres(url: text) : .mysql(url: text)
        default:
            throw StoreError(
                .invalidURL, "there is no store scheme \"\(text[..<colon])\"; write \(StoreURL.schemes)")
        }
    }
}
