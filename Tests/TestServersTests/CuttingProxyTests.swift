import Foundation
import Testing

@testable import CairnTestServers

@Suite("A proxy that cuts")
struct CuttingProxyTests {
    @Test("what it is not told to cut passes both ways, and ends when either side does")
    func passes() async throws {
        try await withProxy { server, proxy in
            let client = try #require(LinePeer.connect(to: proxy.port))
            let long = String(repeating: "x", count: 3 << 20)
            #expect(client.ask("hello") == .line("done hello"))
            let isEchoed = client.ask(long) == .line("done \(long)")
            #expect(isEchoed)
            client.close()
            try block(until: "the connection has ended", within: .seconds(20)) {
                server.endedConnections == 1 && proxy.liveConnections == 0
            }
            #expect(proxy.counts.connections == 1)
        }
    }

    @Test("cut resets every connection, and new ones work")
    func cut() async throws {
        try await withProxy { server, proxy in
            let clients = try (0..<5).map { _ in try #require(LinePeer.connect(to: proxy.port)) }
            for client in clients { #expect(client.ask("hello") == .line("done hello")) }
            proxy.cut()
            for client in clients {
                #expect(client.read() == .reset)
                client.close()
            }
            let client = try #require(LinePeer.connect(to: proxy.port))
            #expect(client.ask("again") == .line("done again"))
            client.close()
            #expect(server.lines.count == 6)
        }
    }

    @Test("refuse refuses new connections only, until it resumes")
    func refuse() async throws {
        try await withProxy { _, proxy in
            let client = try #require(LinePeer.connect(to: proxy.port))
            #expect(client.ask("one") == .line("done one"))
            proxy.refuse()
            #expect(LinePeer.connect(to: proxy.port) == nil)
            #expect(client.ask("two") == .line("done two"))
            proxy.resume()
            let other = try #require(LinePeer.connect(to: proxy.port))
            #expect(other.ask("three") == .line("done three"))
            for peer in [client, other] { peer.close() }
        }
    }

    @Test("a stalled connection holds what was sent, until it resumes")
    func stall() async throws {
        try await withProxy { server, proxy in
            let client = try #require(LinePeer.connect(to: proxy.port, patience: .milliseconds(200)))
            proxy.stall()
            #expect(client.ask("held") == .nothing)
            #expect(server.lines == [])
            proxy.resume()
            try block(until: "the line has come", within: .seconds(20)) { client.read() == .line("done held") }
            client.close()
        }
    }

    @Test("connections are led to another server")
    func lead() async throws {
        try await withProxy { first, proxy in
            let second = try LineServer()
            proxy.lead(to: second.port)
            let client = try #require(LinePeer.connect(to: proxy.port))
            #expect(client.ask("hello") == .line("done hello"))
            #expect(first.lines == [])
            #expect(second.lines == ["hello"])
            client.close()
            second.stop()
        }
    }

    @Test("the server gets of a cut question what it is said to get", arguments: CutPoint.allCases)
    func cutPoint(_ point: CutPoint) async throws {
        try await withProxy { server, proxy in
            proxy.cut(when: "COMMIT", at: [point], atMost: 1)
            let client = try #require(LinePeer.connect(to: proxy.port))
            #expect(client.ask("BEGIN") == .line("done BEGIN"))
            // The pattern comes in two pieces.
            client.send("COM")
            #expect(client.ask("MIT") == .reset)
            client.close()
            try block(until: "the server has seen the end", within: .seconds(20)) { server.endedConnections == 1 }
            // What came before the pattern may have been on its way already.
            #expect(server.lines.first == "BEGIN")
            #expect(server.lines.contains("COMMIT") == (point != .beforeForwarding))
            #expect(proxy.counts.cuts == [point: 1])
            #expect(proxy.counts.occurrences == 1)

            let next = try #require(LinePeer.connect(to: proxy.port))
            #expect(next.ask("COMMIT") == .line("done COMMIT"))
            #expect(proxy.counts.occurrences == 2)
            next.close()
        }
    }

    @Test("an answer that is awaited is cut, and those before it pass")
    func awaitedAnswer() async throws {
        try await withProxy { server, proxy in
            proxy.cut(when: "COMMIT", at: [.beforeAnswer], answer: "done COMMIT")
            let client = try #require(LinePeer.connect(to: proxy.port))
            client.send("BEGIN\nINSERT\nCOMMIT\n")
            var answers: [LinePeer.Reading] = []
            while case let answer = client.read(), answer != .reset { answers.append(answer) }
            #expect(!answers.contains(.line("done COMMIT")))
            #expect(server.lines == ["BEGIN", "INSERT", "COMMIT"])
            client.close()
        }
    }

    @Test("the seed decides what is cut and where")
    func seed() async throws {
        let first = try await outcomes(seed: 5)
        #expect(try await outcomes(seed: 5) == first)
        #expect(try await outcomes(seed: 6) != first)
        #expect(Set(first).count == 3)
    }

    @Test("a pattern is found wherever the stream is broken", arguments: 0...12)
    func scanner(_ place: Int) {
        let text = Array("aaCOCOMMITbb".utf8)
        var scanner = PatternScanner()
        let first = scanner.matchEnds(of: Array("COMMIT".utf8), in: Array(text[..<place]))
        let second = scanner.matchEnds(of: Array("COMMIT".utf8), in: Array(text[place...]))
        #expect(first + second.map { $0 + place } == [10])
    }

    /// What a client sees of forty commits, each on a connection of its own: whether the server got it, and answered.
    private func outcomes(seed: UInt64) async throws -> [String] {
        let outcomes = Outcomes()
        try await withProxy(seed: seed) { server, proxy in
            proxy.cut(when: "COMMIT", at: [.beforeForwarding, .beforeAnswer], oneIn: 2)
            for number in 0..<40 {
                let client = try #require(LinePeer.connect(to: proxy.port))
                let isAnswered = client.ask("COMMIT \(number)") == .line("done COMMIT \(number)")
                client.close()
                try block(until: "the connection has ended", within: .seconds(20)) {
                    server.endedConnections == number + 1
                }
                outcomes.append("\(isAnswered), \(server.lines.contains("COMMIT \(number)"))")
            }
        }
        return outcomes.list
    }

    private func withProxy(
        seed: UInt64 = 1, _ body: @escaping @Sendable (LineServer, CuttingProxy) throws -> Void
    ) async throws {
        try await blocking {
            let server = try LineServer()
            defer { server.stop() }
            let proxy = try CuttingProxy(to: server.port, seed: seed)
            defer { proxy.close() }
            try body(server, proxy)
        }
    }
}
