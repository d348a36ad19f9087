/// MariaDB's programs.
enum MariaDBPrograms {
    static let account = "mysql"

    static let unavailableReason: String? =
        Programs.reasonToSkip(programs: ["mariadbd", "mariadb-install-db"], package: "mariadb-server")
        ?? Programs.reasonToSkip(programs: ["mariadb", "mariadb-admin"], package: "mariadb-client")
        ?? Account.reasonToSkip(account)

    /// The path of a program.
    static func path(_ name: String) throws -> String {
        guard let path = Programs.path(of: name) else {
            throw ServerFailure(unavailableReason ?? "there is no \(name)")
        }
        return path
    }

    /// The beginning of a client's command line.
    static func client(_ name: String, port: Int, user: String) throws -> [String] {
        [try path(name), "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--port=\(port)", "--user=\(user)"]
    }

    /// Runs statements through the client, and returns the rows.
    static func sql(
        _ statements: String, port: Int, user: String, database: String?, within limit: Duration
    ) throws -> String {
        let options = ["--batch", "--skip-column-names", "--raw", "--connect-timeout=10"]
        let output = try Command.output(
            of: client("mariadb", port: port, user: user) + options + (database.map { ["--database=\($0)"] } ?? []),
            input: statements + "\n", within: limit)
        guard output.status == .code(0) else {
            throw ServerFailure("MariaDB on port \(port) says: \(output.errors)It was told: \(statements)")
        }
        return output.text.hasSuffix("\n") ? String(output.text.dropLast()) : output.text
    }
}
