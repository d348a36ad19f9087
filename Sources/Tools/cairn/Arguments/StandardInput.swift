import Dispatch
import Foundation

/// Standard input, a line at a time, as bytes.
enum StandardInput {
    private static let pieceBytes = 64 << 10

    /// The lines, without their ends; read as they are asked for, off the threads that run tasks.
    static func lines() -> AsyncThrowingStream<[UInt8], any Error> {
        let reader = LineReader()
        return AsyncThrowingStream { try await reader.next() }
    }

    private actor LineReader {
        private var lines: ArraySlice<[UInt8]> = []
        private var rest: [UInt8] = []
        private var hasEnded = false

        func next() async throws -> [UInt8]? {
            while lines.isEmpty {
                if hasEnded { return nil }
                take(try await StandardInput.piece())
            }
            return lines.removeFirst()
        }

        private func take(_ piece: [UInt8]) {
            if piece.isEmpty {
                hasEnded = true
                if !rest.isEmpty { lines.append(rest) }
                return
            }
            var parts = piece.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
            parts[0] = rest + parts[0]
            rest = parts.removeLast()
            lines = parts[...]
        }
    }

    /// The next bytes; none at the end.
    private static func piece() async throws -> [UInt8] {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result { Array(try FileHandle.standardInput.read(upToCount: pieceBytes) ?? Data()) })
            }
        }
    }
}
