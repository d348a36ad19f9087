import Testing

// The rules themselves: each finds what breaks it, on the right line, and lets the rest pass.

@Suite("Tidy rules")
struct RuleTests {
    @Test("a rule judges a sample rightly", arguments: RuleSample.all)
    func judges(_ sample: RuleSample) {
        let found = sample.rule.check(SourceFile(path: sample.path, text: sample.text))
        #expect(found.map(\.line) == sample.lines, "\(sample.rule.name): \(found)")
        #expect(found.allSatisfy { $0.path == sample.path && !$0.message.isEmpty })
    }

    @Test("a rule has a sample that breaks it and one that doesn't", arguments: Rule.all)
    func hasSamples(_ rule: Rule) {
        let samples = RuleSample.all.filter { $0.rule.name == rule.name }
        #expect(samples.contains { !$0.lines.isEmpty })
        #expect(samples.contains { $0.lines.isEmpty })
    }
}

@Suite("Tidy lexer")
struct SwiftLexerTests {
    private func code(_ text: String) -> String {
        String(decoding: SwiftLexer(Array(text.utf8)).code, as: UTF8.self)
    }

    private func comments(_ text: String) -> String {
        String(decoding: SwiftLexer(Array(text.utf8)).comments, as: UTF8.self)
    }

    @Test(
        "what isn't code is blank, in place",
        arguments: [
            (#"a = "b{" + c"#, #"a = "  " + c"#),
            (#"a = "\"{" + c"#, #"a = "   " + c"#),
            (#"a = "x\(b("{") + "\(c)")y" }"#, #"a = "  (b(" ") + " (c)") " }"#),
            ("a // {\nb", "a     \nb"),
            ("a /* { /* { */ } */ b", "a                   b"),
            ("a = \"// {\" + b", "a = \"    \" + b"),
            ("a = #\"\\(b) \"{\"# + c", "a = #\"       \"# + c"),
            ("a = #\"\\#(b) {\"# + c", "a = #\"  (b)  \"# + c"),
            ("a = \"\"\"\n  { \" \\(b)\n  \"\"\" + c", "a = \"\"\"\n       (b)\n  \"\"\" + c"),
            ("a = #/ \\/ { \" /# + b", "a = #/        /# + b"),
            ("#if a\nb", "#if a\nb"),
        ]
    )
    func blanks(_ text: String, _ expected: String) {
        #expect(code(text) == expected)
    }

    @Test("comments are kept apart, in place")
    func comments() {
        #expect(comments("a // b\n/* c */ d") == "  // b\n/* c */  ")
        #expect(comments("a = \"// b\"") == "          ")
    }
}

@Suite("Tidy function bodies")
struct FunctionBodyTests {
    private func bodies(_ text: String) -> [String] {
        FunctionBody.bodies(in: SourceFile(path: "a.swift", text: text).tokens).map {
            "\($0.name) \($0.line) \($0.lineCount)"
        }
    }

    @Test(
        "bodies are found and counted",
        arguments: [
            ("func a() {}", ["a 1 0"]),
            ("func a() {\n  b()\n}", ["a 1 1"]),
            (
                "func a(\n  _ b: () -> Void = {}\n)\n  async throws(E) -> [Int]\nwhere\n  A: B\n{\n  c { d in\n  }\n}",
                ["a 1 2"]
            ),
            ("func a() ->\n  Int\n{\n  1\n}", ["a 1 1"]),
            ("init?(a: B) {\n  self.init(b)\n}", ["init 1 1"]),
            ("deinit {\n  a()\n\n}", ["deinit 1 2"]),
            ("subscript(a: B) -> C {\n  d\n}", ["subscript 1 1"]),
            ("var a: B {\n  c\n}\nvar d = e {\n}\nvar f: G\nlet h = { i }", ["a 1 1"]),
            ("func a() {\n  func b() {\n    c(\"}\")\n  }\n}", ["a 1 3", "b 2 1"]),
            ("static func < (a: B, c: D) -> Bool {\n  e\n}", ["< 1 1"]),
            ("func a() {\n  x = \"\"\"\n    }\n    \"\"\"\n  // }\n}", ["a 1 4"]),
        ]
    )
    func counts(_ text: String, _ expected: [String]) {
        #expect(bodies(text) == expected)
    }

    @Test("a protocol's requirement has no body, whatever follows")
    func requirements() {
        let text = """
            protocol A {
              func b() async throws
              func c(_ d: E) -> F
              init(g: H)
              subscript(i: J) -> K { get }
            }
            func l() {
              m()
            }
            """
        #expect(bodies(text) == ["subscript 5 0", "l 7 1"])
    }
}
