/// Everything that is wrong with a file of tokens or keys: sentences that name the file, and the line where there is
/// one.
package struct SecurityProblems: Error, Hashable, Sendable {
    /// One at least.
    package let messages: [String]

    /// These problems.
    package init(_ messages: [String]) { self.messages = messages }
}
