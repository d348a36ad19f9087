import Foundation

/// Runs `body` with the path of an empty directory, which is removed afterwards.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    var template = Array((NSTemporaryDirectory() + "/cairn-test-XXXXXX").utf8CString)
    // The pointers live only during the calls.
    guard
        let path = template.withUnsafeMutableBufferPointer({ buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        })
    else { throw ProcessFailure("no temporary directory: errno \(errno)") }
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}
