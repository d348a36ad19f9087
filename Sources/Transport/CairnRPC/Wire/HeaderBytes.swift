extension UnsafeBufferPointer<UInt8> {
    /// Whether the bytes are exactly `text`; what header names are told apart with, several times a call.
    func matches(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && hasPrefix(text) }

    /// Whether the bytes begin with `text`.
    func hasPrefix(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard count >= length else { return false }
        // A static string of ASCII is a pointer to its bytes for ever.
        let expected = text.utf8Start
        for index in 0..<length where self[index] != expected[index] { return false }
        return true
    }
}
