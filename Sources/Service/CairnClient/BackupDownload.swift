internal import CairnModel
internal import CairnProtocol
internal import CairnRPC
internal import Dispatch
internal import Foundation

/// Receives a backup into a file. The file appears under its name only when it is whole and on disk.
struct BackupDownload: Sendable {
    let path: String
    let calls: CallRunner

    func run() async throws(StoreError) {
        let file = PartialFile(path: path)
        do {
            try await file.perform { try $0.create() }
            let pieces: RPCResponseStream<Cairn_V1_BackupResponse> = try calls.rpc.serverStreaming(
                "cairn.v1.Maintenance/Backup", Cairn_V1_BackupRequest(),
                options: RPCCallOptions(metadata: calls.configuration.metadata))
            var total: Int64 = 0
            for try await piece in pieces {
                total = max(total, piece.totalBytes)
                try await file.perform { try $0.append(piece.data) }
            }
            let expected = total
            try await file.perform { try $0.finish(expecting: expected) }
        } catch {
            try? await file.perform { $0.discard() }
            throw StoreError(call: error)
        }
    }
}

/// A file under a temporary name beside its final one. Its calls block, and so run on a queue of their own.
private final class PartialFile: @unchecked Sendable {
    // Unchecked, because the variables are only touched on `queue`.
    private let queue = DispatchQueue(label: "cairn.backup")
    private let path: String
    private var handle: FileHandle?
    private var size: Int64 = 0

    init(path: String) { self.path = path }

    private var partialPath: String { path + ".partial" }

    func perform(_ body: @escaping @Sendable (PartialFile) throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            queue.async { done.resume(with: Result { try body(self) }) }
        }
    }

    func create() throws {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw StoreError(.invalidArgument, "\(path) exists already; name a file that does not")
        }
        guard FileManager.default.createFile(atPath: partialPath, contents: nil),
            let handle = FileHandle(forWritingAtPath: partialPath)
        else {
            throw StoreError(.permissionDenied, "\(partialPath) can't be written; check the directory and its rights")
        }
        self.handle = handle
    }

    func append(_ data: Data) throws {
        do {
            try handle?.write(contentsOf: data)
        } catch {
            throw StoreError(.storageFailed, "writing \(partialPath) failed: \(error)")
        }
        size += Int64(data.count)
    }

    func finish(expecting total: Int64) throws {
        guard size == total else {
            throw StoreError(.unavailable, "the backup ended after \(size) of \(total) bytes; try again", retry: .safe)
        }
        try handle?.synchronize()
        try handle?.close()
        handle = nil
        guard rename(partialPath, path) == 0 else {
            throw StoreError(.storageFailed, "\(partialPath) could not be renamed to \(path)", nativeCode: errno)
        }
    }

    func discard() {
        guard handle != nil else { return }
        try? handle?.close()
        handle = nil
        try? FileManager.default.removeItem(atPath: partialPath)
    }
}
