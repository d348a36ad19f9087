import Testing

/// A rule of the repository, as a value: a name, and a pure function from a file to what is wrong with it.
///
/// To add one, write it beside its kin, list it in `all`, and give it samples in `RuleSamples`: a rule without a sample
/// that breaks it fails the tests, so that none can rot into always passing.
struct Rule: Sendable, CustomTestStringConvertible {
    let name: String
    let check: @Sendable (SourceFile) -> [Violation]

    var testDescription: String { name }

    static let all: [Rule] = [
        .lineLength, .fileLength, .functionLength, .mainLength,
        .names,
        .unsafeReasons, .unsafePointers, .shortcuts, .openEnds, .endlessWaits,
        .layers, .pureRules,
        .title, .relativeLinks(exists: Repository.exists),
        .machinePaths, .privateKeys,
    ]

    /// A rule on the Swift that people write.
    static func swift(_ name: String, check: @escaping @Sendable (SourceFile) -> [Violation]) -> Rule {
        Rule(name: name) { $0.isHandWrittenSwift ? check($0) : [] }
    }
}
