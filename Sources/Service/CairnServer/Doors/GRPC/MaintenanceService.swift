internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import CairnWire
internal import Foundation
internal import NIOPosix
internal import SwiftProtobuf

/// `cairn.v1.Maintenance`: how the store is, and copies of it.
struct MaintenanceService: Sendable {
    /// The size of a backup's pieces.
    private static let pieceBytes = 256 << 10

    let store: any Store
    let backupDirectory: String?

    func register(on router: inout RPCRouter) {
        router.unary("cairn.v1.Maintenance/Status") { (_: Cairn_V1_StatusRequest, _) in try await status() }
        router.serverStreaming("cairn.v1.Maintenance/Backup") {
            (_: Cairn_V1_BackupRequest, responses, _) in try await backup(to: responses)
        }
    }

    private func status() async throws -> Cairn_V1_StatusResponse {
        let status = try await answering { () throws(StoreError) in try await store.status() }
        let supported = store.capabilities.supported
        let limits = store.limits
        return .with {
            $0.headRef = status.headRef.rawValue
            $0.oldestRef = status.oldestRef.rawValue
            $0.timeUs = status.time.rawValue
            $0.home = status.home
            $0.capabilities = Capability.allCases.filter(supported.contains).map(\.rawValue)
            $0.serverVersion = cairnVersion
            $0.limits = .with {
                $0.keyBytes = Int64(limits.keyBytes)
                $0.valueBytes = Int64(limits.valueBytes)
                $0.transactionOperations = Int64(limits.transactionOperations)
                $0.transactionBytes = Int64(limits.transactionBytes)
                $0.transactionEvents = Int64(limits.transactionEvents)
                $0.nameBytes = Int64(limits.nameBytes)
                $0.pageEntries = Int64(limits.pageEntries)
                $0.pageBytes = Int64(limits.pageBytes)
            }
        }
    }

    /// Puts a copy into a file of its own, sends that, and removes it.
    private func backup(to responses: RPCResponseWriter<Cairn_V1_BackupResponse>) async throws {
        let directory = backupDirectory ?? NSTemporaryDirectory()
        let path = directory + "/cairn-backup-" + UUID().uuidString
        // On a thread for blocking calls, as all that touches the file is.
        defer { NIOThreadPool.singleton.submit { _ in try? FileManager.default.removeItem(atPath: path) } }
        try await answering { () throws(StoreError) in try await store.backup(toFile: path) }
        let file = BackupFile(path: path)
        let size = try await NIOThreadPool.singleton.runIfActive { try file.size() }
        var offset: UInt64 = 0
        repeat {
            let start = offset
            let piece = try await NIOThreadPool.singleton.runIfActive {
                try file.read(from: start, count: MaintenanceService.pieceBytes)
            }
            guard !piece.isEmpty || size == 0 else { break }
            try await responses.write(
                .with {
                    $0.data = piece
                    $0.totalBytes = start == 0 ? Int64(size) : 0
                })
            offset += UInt64(piece.count)
        } while offset < size
    }
}

/// A finished backup, read in pieces. Each call opens the file anew, so nothing is left open when the caller goes away.
private struct BackupFile: Sendable {
    let path: String

    func size() throws -> UInt64 {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        return try file.seekToEnd()
    }

    func read(from offset: UInt64, count: Int) throws -> Data {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        try file.seek(toOffset: offset)
        return try file.read(upToCount: count) ?? Data()
    }
}
