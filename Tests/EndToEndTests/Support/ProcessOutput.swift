import Foundation
import Synchronization

/// What a process writes to one of its outputs, as it comes.
///
/// A thread of its own reads the pipe, so that neither the process nor one of Swift's threads ever waits for a test.
final class ProcessOutput: Sendable {
    private struct Waiter {
        /// Looks at what there is and says whether the wait is over; the reason is given when it must be.
        let look: (_ bytes: [UInt8], _ reasonToGiveUp: String?) -> Bool
    }

    private struct State: Sendable {
        var bytes: [UInt8] = []
        var hasEnded = false
        // Waiters hold continuations, which are Sendable; the closures around them are only called under the lock.
        nonisolated(unsafe) var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
    }

    private let state = Mutex(State())

    /// Takes over a pipe's reading end, and reads it until its end.
    init(reading descriptor: Int32) {
        Thread.detachNewThread { [self] in
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                // The pointer is used only during the call.
                let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                take(buffer[..<count])
            }
            close(descriptor)
            end()
        }
    }

    /// Everything so far.
    var bytes: [UInt8] { state.withLock { $0.bytes } }

    /// Everything so far, as text.
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The lines so far that have ended.
    var lines: [String] { ProcessOutput.lines(of: bytes) }

    /// Waits until `find` finds something in all that was written. Throws when the output ends, or `limit` passes,
    /// without it.
    func first<Found: Sendable>(
        _ what: String, within limit: Duration = .seconds(90), _ find: @escaping @Sendable ([UInt8]) -> Found?
    ) async throws -> Found {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Found, any Error>) in
            let waiter = Waiter { bytes, reason in
                if let found = find(bytes) {
                    continuation.resume(returning: found)
                    return true
                }
                guard let reason else { return false }
                let written = String(decoding: bytes.suffix(4_000), as: UTF8.self)
                continuation.resume(throwing: ProcessFailure("\(reason) without \(what); it had written: \(written)"))
                return true
            }
            add(waiter, limit)
        }
    }

    /// Waits for `count` whole lines, and returns all that there are then.
    func lines(atLeast count: Int, within limit: Duration = .seconds(90)) async throws -> [String] {
        try await first("\(count) lines", within: limit) { bytes in
            let lines = ProcessOutput.lines(of: bytes)
            return lines.count >= count ? lines : nil
        }
    }

    /// Waits for the end, and returns everything.
    func all(within limit: Duration = .seconds(90)) async throws -> [UInt8] {
        // The end itself is what this waits for: nothing is found before it, and then all of it is.
        do {
            _ = try await first("its end", within: limit) { _ -> Bool? in nil }
        } catch {
            guard state.withLock({ $0.hasEnded }) else { throw error }
        }
        return bytes
    }

    private static func lines(of bytes: [UInt8]) -> [String] {
        bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
            .map { String(decoding: $0, as: UTF8.self) }
    }

    private func add(_ waiter: Waiter, _ limit: Duration) {
        let id = state.withLock { state -> Int? in
            guard !waiter.look(state.bytes, state.hasEnded ? "the output ended" : nil) else { return nil }
            state.nextWaiter += 1
            state.waiters[state.nextWaiter] = waiter
            return state.nextWaiter
        }
        guard let id else { return }
        DispatchQueue.global().asyncAfter(deadline: .now() + limit / .seconds(1)) { [weak self] in
            self?.state.withLock { state in
                guard let waiter = state.waiters.removeValue(forKey: id) else { return }
                _ = waiter.look(state.bytes, "\(limit) passed")
            }
        }
    }

    private func take(_ bytes: ArraySlice<UInt8>) {
        state.withLock { state in
            state.bytes += bytes
            for (id, waiter) in state.waiters where waiter.look(state.bytes, nil) { state.waiters[id] = nil }
        }
    }

    private func end() {
        state.withLock { state in
            state.hasEnded = true
            for waiter in state.waiters.values { _ = waiter.look(state.bytes, "the output ended") }
            state.waiters = [:]
        }
    }
}

/// A process did not do what a test waited for.
struct ProcessFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
