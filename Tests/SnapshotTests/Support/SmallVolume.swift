import Foundation

/// A file system of its own, in memory, of a megabyte.
final class SmallVolume {
    /// Whether one can be mounted here.
    static let isPossible = (try? SmallVolume()) != nil

    private let folder: TemporaryFolder

    var path: String { folder.path }

    init() throws {
        folder = try TemporaryFolder()
        try SmallVolume.run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path])
    }

    deinit { try? SmallVolume.run("umount", ["-l", folder.path]) }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.featureUnsupported) }
    }
}
