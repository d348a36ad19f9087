/// A piece of a file, and the lines where a rule must find it broken: none, where the piece is good.
struct RuleSample: Sendable {
    let rule: Rule
    let path: String
    let text: String
    let lines: [Int]

    init(_ rule: Rule, in path: String = "Sources/Model/Key.swift", breaksAt lines: [Int] = [], _ text: String) {
        self.rule = rule
        self.path = path
        self.text = text
        self.lines = lines
    }

    static let all = sizes + names + reasons + layers + texts
}

extension RuleSample {
    private static func function(lines: Int) -> String {
        "func long() {\n" + String(repeating: "    step()\n", count: lines) + "}\n"
    }

    fileprivate static let sizes: [RuleSample] = [
        RuleSample(.lineLength, String(repeating: "x", count: 120)),
        RuleSample(.lineLength, "// " + String(repeating: "é", count: 117)),
        RuleSample(.lineLength, breaksAt: [2], "x\n" + String(repeating: "x", count: 121)),
        RuleSample(.lineLength, in: "a/Generated/x.swift", String(repeating: "x", count: 121)),
        RuleSample(.fileLength, String(repeating: "x\n", count: 400)),
        RuleSample(.fileLength, breaksAt: [401], String(repeating: "x\n", count: 401)),
        RuleSample(.functionLength, function(lines: 60)),
        RuleSample(.functionLength, breaksAt: [2], "// here\n" + function(lines: 61)),
        RuleSample(
            .functionLength,
            in: "Tests/ModelTests/KeyTests.swift",
            breaksAt: [2],
            "@Test\n" + function(lines: 61)
        ),
        RuleSample(.mainLength, in: "Sources/Tools/cairn/main.swift", String(repeating: "x\n", count: 39)),
        RuleSample(
            .mainLength,
            in: "Sources/Tools/cairn/main.swift",
            breaksAt: [40],
            String(repeating: "x\n", count: 40)
        ),
        RuleSample(.mainLength, String(repeating: "x\n", count: 40)),
    ]

    fileprivate static let names: [RuleSample] = [
        RuleSample(.names, "struct Key {}\nlet manager = x.class\n// struct Helper"),
        RuleSample(.names, in: "Sources/Model/Helpership.swift", "final class Commons { class func utils() {} }"),
        RuleSample(.names, breaksAt: [2], "struct Key {}\nenum KeyUtils {}"),
        RuleSample(.names, breaksAt: [1, 2], "final class HTTPHelper {}\nprotocol Manager {}"),
        RuleSample(.names, breaksAt: [1], "typealias CommonKey = Key"),
        RuleSample(.names, in: "Sources/Model/Utils.swift", breaksAt: [1], ""),
        RuleSample(.names, in: "Sources/Model/Key+Helpers.swift", breaksAt: [1], ""),
        RuleSample(.names, in: "Sources/Model/Misc/Key.swift", breaksAt: [1], ""),
    ]

    fileprivate static let reasons: [RuleSample] = [
        RuleSample(.unsafeReasons, "// Sendable because the queue owns it.\nclass A: @unchecked Sendable {}"),
        RuleSample(.unsafeReasons, "// Reason.\n\n\nlet a = unsafeBitCast(b, to: C.self)"),
        RuleSample(.unsafeReasons, breaksAt: [5], "// Reason.\n\n\n\nlet a = unsafeBitCast(b, to: C.self)"),
        RuleSample(.unsafeReasons, breaksAt: [2], "// MARK: -\nclass A: @unchecked Sendable {}"),
        RuleSample(.unsafeReasons, breaksAt: [1], "nonisolated(unsafe) var a = \"// no reason\""),
        RuleSample(.unsafeReasons, breaksAt: [1], "let a = Unmanaged.passRetained(b)"),
        RuleSample(.unsafePointers, "// The pointer lives as long as the call.\nb.withUnsafeBytes { $0.count }"),
        RuleSample(.unsafePointers, "// Plain.\nb.withBytes { \"withUnsafeBytes\" }"),
        RuleSample(.unsafePointers, "await withUnsafeContinuation { $0.resume() }"),
        RuleSample(.unsafeReasons, breaksAt: [1], "await withUnsafeContinuation { $0.resume() }"),
        RuleSample(.unsafePointers, breaksAt: [2], "// Plain.\nb.withUnsafeBytes { $0.count }"),
        RuleSample(.unsafePointers, breaksAt: [1], "var a: UnsafeMutableRawPointer?\nvar b: UnsafePointer<Int>?"),
        RuleSample(.shortcuts, "let a = try! f()  // The literal is valid."),
        RuleSample(.shortcuts, "// Can't happen: checked above.\nfatalError()"),
        RuleSample(.shortcuts, "let a = \"try!\"; try? b(); c as? D; has!; myfatalError(x)"),
        RuleSample(.shortcuts, breaksAt: [1, 2, 3], "let a = try! f()\nlet b = a as! B\nfatalError()"),
        RuleSample(.openEnds, "let a = \"TODO\"  // Todos are fine, so is XXXL."),
        RuleSample(.openEnds, breaksAt: [1, 3], "// TODO: more\nlet a = 1\n/* so FIXME */\n"),
        RuleSample(.openEnds, breaksAt: [1], "/// XXX"),
        RuleSample(.endlessWaits, "while !isThere { await Task.yield() }"),
        RuleSample(.endlessWaits, in: "Tests/ATests/A.swift", "for _ in 0..<9 { await Task.yield() }"),
        RuleSample(
            .endlessWaits, in: "Tests/ATests/A.swift", "// Its timer.\nawait withCheckedContinuation { keep($0) }"),
        RuleSample(
            .endlessWaits, in: "Tests/ATests/A.swift", breaksAt: [1, 3, 5],
            "while !a { await Task.yield() }\nwhile a == b {\n    await Task.yield()\n}\n"
                + "await withCheckedContinuation { keep($0) }"),
    ]

    fileprivate static let layers: [RuleSample] = [
        RuleSample(.layers, "import Synchronization\n// import Foundation"),
        RuleSample(.layers, breaksAt: [1], "import Foundation"),
        RuleSample(.layers, breaksAt: [2], "import Synchronization\npackage import CairnKeyspace"),
        RuleSample(
            .layers,
            in: "Sources/Keyspace/Hub.swift",
            "public import CairnModel\nimport DequeModule\nimport Foundation"
        ),
        RuleSample(.layers, in: "Sources/Keyspace/Rules/Key.swift", breaksAt: [2], "import CairnModel\nimport Logging"),
        RuleSample(.layers, in: "Sources/Engines/CairnSQLite/A.swift", "import GRDB\nimport CairnKeyspace"),
        RuleSample(.layers, in: "Sources/Engines/CairnSQLite/A.swift", breaksAt: [1], "@testable import CairnMemory"),
        RuleSample(.layers, in: "Sources/Engines/CairnNew/A.swift", breaksAt: [1], "import CairnModel"),
        RuleSample(
            .layers,
            in: "Sources/Transport/CairnRPC/A.swift",
            breaksAt: [2],
            "import NIOCore\nimport CairnModel"
        ),
        RuleSample(
            .layers,
            in: "Sources/Service/CairnProtocol/A.swift",
            breaksAt: [1],
            "import struct NIOCore.ByteBuffer"
        ),
        RuleSample(.layers, in: "Sources/Service/CairnServer/A.swift", breaksAt: [1], "import CairnKeyspace"),
        RuleSample(.layers, in: "Sources/Service/CairnServer/A.swift", breaksAt: [1], "import CairnSQLite"),
        RuleSample(.layers, in: "Sources/Service/CairnClient/A.swift", breaksAt: [1], "import CairnServer"),
        RuleSample(.layers, in: "Sources/Service/CairnClient/A.swift", breaksAt: [1], "import ArgumentParser"),
        RuleSample(.layers, in: "Benchmarks/Baseline/A.swift", "import CPostgres\nimport CairnServer"),
        RuleSample(.layers, in: "Benchmarks/Baseline/A.swift", breaksAt: [1], "import CairnPostgres"),
        RuleSample(.layers, in: "Sources/Tools/cairn/A.swift", "import ArgumentParser\nimport Cairn"),
        RuleSample(.layers, in: "Sources/Tools/cairn/A.swift", breaksAt: [1], "import GRPCCore"),
        RuleSample(
            .layers,
            in: "Tests/ModelTests/A.swift",
            breaksAt: [3],
            "import Testing\nimport GRDB\nimport ArgumentParser"
        ),
        RuleSample(.pureRules, in: "Sources/Keyspace/Rules/A.swift", "let date = now  // not Date()"),
        RuleSample(.pureRules, in: "Sources/Keyspace/Hub.swift", "let date = Date()"),
        RuleSample(
            .pureRules,
            in: "Sources/Keyspace/Rules/A.swift",
            breaksAt: [1, 2],
            "Date()\nlet a = Int.random(in: 0...1)"
        ),
        RuleSample(.pureRules, in: "Sources/Keyspace/Rules/A.swift", breaksAt: [1], "ContinuousClock().now"),
    ]

    private static let links = Rule.relativeLinks { ["README.md", "docs/a.md", "docs"].contains($0) }
    private static let dashes = "-----"

    fileprivate static let texts: [RuleSample] = [
        RuleSample(.title, in: "docs/a.md", "# One\n\n```\n# a comment\n```\n## Two\n"),
        RuleSample(.title, in: "docs/a.md", breaksAt: [1], "Text\n"),
        RuleSample(.title, in: "docs/a.md", breaksAt: [3], "# One\n\n# Two\n"),
        RuleSample(links, in: "README.md", "[a](docs/a.md#x) [b](https://x.org/y) [c](#d) `[e](f.md)` [docs](docs/)"),
        RuleSample(links, in: "docs/a.md", "[a](a.md)\n[up](../README.md)\n[root](/README.md)\n```\n[x](y.md)\n```"),
        RuleSample(links, in: "docs/a.md", breaksAt: [2], "[a](a.md)\n[b](README.md)"),
        RuleSample(links, in: "README.md", breaksAt: [1], "![picture](logo.png \"Title\")"),
        RuleSample(.machinePaths, in: "Makefile", "cd .build/work/x && ls $(HOME)/root/ network/"),
        RuleSample(.machinePaths, in: "Makefile", breaksAt: [2], "cd x\nls '/" + "work/x'"),
        RuleSample(.machinePaths, in: "docs/a.md", breaksAt: [1], "/" + "root/.config"),
        RuleSample(.privateKeys, in: "ca.pem", "\(dashes)BEGIN CERTIFICATE\(dashes)"),
        RuleSample(.privateKeys, in: "ca.pem", breaksAt: [1], "\(dashes)BEGIN RSA PRIVATE KEY\(dashes)"),
    ]
}
