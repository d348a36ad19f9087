internal import Foundation

/// PostgreSQL's programs, which Debian keeps out of the `PATH`: there may be several versions of them.
enum PostgresPrograms {
    static let account = "postgres"

    /// The folder of the newest version's programs, if there is one.
    static let folder: String? = {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let newest = versions.compactMap { Int($0) }.sorted(by: >)
        return newest.map { "\(root)/\($0)/bin" }.first { Programs.path(of: "initdb", in: [$0]) == "\($0)/initdb" }
    }()

    static let unavailableReason: String? =
        Programs.reasonToSkip(
            programs: ["initdb", "postgres", "pg_basebackup", "pg_rewind", "psql", "pg_isready"],
            in: folder.map { [$0] } ?? [], package: "postgresql") ?? Account.reasonToSkip(account)

    /// The path of a program.
    static func path(_ name: String) throws -> String {
        guard let path = Programs.path(of: name, in: folder.map { [$0] } ?? []) else {
            throw ServerFailure(unavailableReason ?? "there is no \(name)")
        }
        return path
    }

    /// Runs statements through psql, and returns the rows.
    static func sql(
        _ statements: String, port: Int, user: String, database: String, within limit: Duration
    ) throws -> String {
        let output = try Command.output(
            of: [
                path("psql"), "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1",
                "--host=127.0.0.1", "--port=\(port)", "--username=\(user)", "--dbname=\(database)", "--file=-",
            ],
            input: statements + "\n", within: limit)
        guard output.status == .code(0) else {
            throw ServerFailure("PostgreSQL on port \(port) says: \(output.errors)It was told: \(statements)")
        }
        return output.text.hasSuffix("\n") ? String(output.text.dropLast()) : output.text
    }
}
