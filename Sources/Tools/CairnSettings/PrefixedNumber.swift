/// A number for the keys that start with a prefix, written as `PREFIX=N`.
package struct PrefixedNumber: Hashable, Sendable {
    /// The prefix.
    package let prefix: String
    /// The number, at least 0; `nil` when it is `all`.
    package let number: Int?

    /// What the text says, or `nil` if it says nothing such. The last `=` is what counts: a prefix may have others.
    package init?(_ text: String) {
        guard let place = text.lastIndex(of: "=") else { return nil }
        let tail = text[text.index(after: place)...]
        prefix = String(text[..<place])
        if tail == "all" {
            number = nil
        } else if let number = Int(tail), number >= 0 {
            self.number = number
        } else {
            return nil
        }
    }
}
