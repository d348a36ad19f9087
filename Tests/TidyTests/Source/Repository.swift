import Foundation

/// The files of this repository, read once for all rules.
enum Repository {
    /// The folder that has Package.swift.
    static let root = URL(filePath: #filePath)  // <root>/Tests/TidyTests/Source/Repository.swift
        .deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Every text file that is, or may come to be, under version control.
    static let files: [SourceFile] = paths(in: "").compactMap(read)

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    /// Larger files are data.
    private static let sizeMax = 1 << 20

    private static func paths(in folder: String) -> [String] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? []
        return entries.sorted().flatMap { entry -> [String] in
            let path = folder.isEmpty ? entry : "\(folder)/\(entry)"
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: root.appending(path: path).path, isDirectory: &isFolder) else {
                return []
            }
            if isFolder.boolValue { return isOurs(folder: entry) ? paths(in: path) : [] }
            return isOurs(file: entry) ? [path] : []
        }
    }

    // What tools leave behind, as in .gitignore: hidden folders but for our own, data, caches.
    private static func isOurs(folder: String) -> Bool {
        if folder.hasPrefix(".") { return [".ci", ".github"].contains(folder) }
        return !folder.hasPrefix("cairn-data") && !["__pycache__", "node_modules", "build", "dist"].contains(folder)
            && !folder.hasSuffix(".egg-info")
    }

    private static func isOurs(file: String) -> Bool {
        file != ".git" && file != "Package.resolved" && !file.hasSuffix(".pyc")
    }

    private static func read(_ path: String) -> SourceFile? {
        guard let data = FileManager.default.contents(atPath: root.appending(path: path).path),
            data.count <= sizeMax, !data.contains(0)
        else { return nil }
        return SourceFile(path: path, text: String(decoding: data, as: UTF8.self))
    }
}
