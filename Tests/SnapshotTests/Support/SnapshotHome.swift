import CairnKeyspace
import CairnSnapshots
import Foundation
import Testing

/// A kind of place, with the means to make one for a test.
struct SnapshotHome: Sendable, CustomTestStringConvertible {
    let name: String
    let use: @Sendable (_ body: (any SnapshotStore) throws -> Void) async throws -> Void

    var testDescription: String { name }

    static let all = [files]

    static let files = SnapshotHome(name: "files") { body in
        let folder = try TemporaryFolder()
        let store = try FileSnapshots(folder: folder.path)
        defer { store.close() }
        try body(store)
    }
}

/// Files that tests make.
enum CairnTestFiles {
    static func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}
