import Foundation

/// A small file system of its own, in memory, that can be full or read-only.
final class TemporaryVolume {
    /// Whether one can be mounted here.
    static let isPossible = (try? TemporaryVolume(size: "1m")) != nil

    private let directory: TemporaryDirectory

    init(size: String) throws {
        directory = try TemporaryDirectory()
        try Self.run("mount", ["-t", "tmpfs", "-o", "size=\(size)", "tmpfs", directory.path])
    }

    deinit { try? Self.run("umount", ["-l", directory.path]) }

    func file(_ name: String) -> String { directory.file(name) }

    /// Changes the options, such as `ro`.
    func remount(_ options: String) throws {
        try Self.run("mount", ["-o", "remount,\(options)", directory.path])
    }

    /// Takes all the room that is left.
    func fill() throws {
        let path = file("ballast")
        try Data().write(to: URL(fileURLWithPath: path))
        let ballast = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { try? ballast.close() }
        while (try? ballast.write(contentsOf: Data(count: 4_096))) != nil {}
    }

    /// Gives back what ``fill()`` took.
    func free() throws { try FileManager.default.removeItem(atPath: file("ballast")) }

    private static func run(_ program: String, _ arguments: [String]) throws {
        guard let result = try output(of: program, arguments), result.status == 0 else {
            throw CocoaError(.featureUnsupported)
        }
    }
}
