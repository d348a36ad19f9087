internal import CRE2
internal import CairnModel

/// A compiled ``CairnModel/KeyPattern``. Matching takes time linear in the key and bounded memory, whatever the
/// pattern.
///
/// The pointers to texts are Swift's own, and used only while the closures run; the pattern's is freed by `deinit`.
final class PatternMatcher: Sendable {
    /// A pattern that needs more than this is refused, so a short one can't ask for a large machine.
    private static let memory: Int32 = 1 << 20
    // RE2 guards what it shares, and nothing here changes after `init`.
    private nonisolated(unsafe) let compiled: OpaquePointer

    /// Throws ``CairnModel/StoreError/Code/invalidArgument`` for a pattern that makes no sense or is too large.
    init(_ pattern: KeyPattern, limits: Limits) throws(StoreError) {
        let count = pattern.text.utf8.count
        guard count <= limits.patternBytes else {
            throw StoreError(
                .invalidArgument, "the pattern has \(count) bytes; the most is \(limits.patternBytes)")
        }
        var text: String
        switch pattern.syntax {
        case .regex: text = pattern.text
        case .glob: text = try Glob.expression(of: pattern.text)
        }
        let made = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cre2_new($0.baseAddress, $0.count, pattern.syntax == .glob, PatternMatcher.memory)
            }
        }
        guard let made else { throw StoreError(.overloaded, "there is no memory for the pattern", retry: .safe) }
        compiled = made
        if let error = cre2_error(made) {
            throw StoreError(
                .invalidArgument, "\"\(pattern.text)\" is not a pattern: \(String(cString: error)); see RE2's syntax")
        }
    }

    deinit { cre2_free(compiled) }

    func matches(_ key: Key) -> Bool {
        key.bytes.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { cre2_matches(compiled, $0.baseAddress, $0.count) }
        }
    }
}
