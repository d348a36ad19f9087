/// What went wrong with a test's server: what happened, to which one, and what its log says.
public struct ServerFailure: Error, CustomStringConvertible {
    /// The whole story, for a person.
    public let description: String

    init(_ description: String) { self.description = description }
}
