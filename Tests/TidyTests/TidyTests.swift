import Testing

// The repository's own rules, as tests. `swift test --filter Tidy` runs them in a second.

@Suite("Tidy")
struct TidyTests {
    @Test("the repository keeps the rule", arguments: Rule.all)
    func keeps(_ rule: Rule) {
        for violation in Repository.files.flatMap(rule.check) {
            Issue.record(Comment(rawValue: violation.description))
        }
    }

    @Test("the walk finds the repository's files, and none that tools left")
    func walk() {
        let paths = Set(Repository.files.map(\.path))
        let wanted = [
            "Package.swift", "Makefile", ".ci/run", "Sources/Model/Store.swift", "Tests/TidyTests/TidyTests.swift",
        ]
        let missing = wanted.filter { !paths.contains($0) }
        let foreign = paths.filter { $0.hasPrefix(".build") || $0.hasPrefix(".git/") }
        #expect(missing == [])
        #expect(foreign == [])
    }

    @Test("each layer's folder exists", arguments: Layer.all.map(\.folder))
    func layerExists(_ folder: String) {
        #expect(Repository.exists(folder), "remove its row from Layers.swift")
    }
}
