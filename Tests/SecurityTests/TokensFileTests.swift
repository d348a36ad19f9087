import CairnModel
import Testing

@testable import CairnSecurity

/// The file of tokens, and what is said of a wrong one.
@Suite("The file of tokens")
struct TokensFileTests {
    private func problems(_ text: String) -> [String] {
        do {
            _ = try TokensFile.entries(of: text, path: "t.yaml")
            return []
        } catch {
            return error.messages
        }
    }

    @Test("every field is read")
    func fields() throws {
        let hash = TokenHash(of: "secret")
        let entries = try TokensFile.entries(
            of: """
                # who may call
                - name: web
                  hash: \(hash.hex.uppercased())
                  client-id: web-1
                  expires: 2030-01-31T12:00:00+01:00
                  permissions:
                    - prefix: web/
                      allow: read-write
                    - {prefix: "config/", allow: read}
                  consumers: [web-]
                - {name: ops, certificate: ops.example, admin: true}
                - name: anonymous
                  permissions: [{prefix: public/, allow: read}]
                """, path: "t.yaml")
        #expect(entries.map(\.name) == ["web", "ops", "anonymous"])
        #expect(entries.map(\.proof) == [.token(hash), .certificate("ops.example"), .nothing])
        #expect(entries[0].expires == Timestamp(microseconds: 1_896_087_600_000_000))
        #expect(entries[0].clientID == "web-1" && entries.map(\.isAdmin) == [false, true, false])
        #expect(
            entries[0].permissions
                == Permissions([.init("web/", .readWrite), .init("config/", .read)], consumers: ["web-"]))
        #expect(try TokensFile.entries(of: "# nothing yet\n", path: "t.yaml").isEmpty)
    }

    @Test("what `token create` prints is read as it was meant")
    func roundTrip() throws {
        let rules = [Permissions.Rule("a \"b\"/\\é: ", .write), .init("", .read)]
        var entry = TokenEntry(name: "- x: {y}", proof: .token(TokenHash(of: "t")))
        entry.permissions = Permissions(rules, consumers: ["c'", ""])
        entry.expires = Timestamp(microseconds: 1_900_000_000_000_000)
        entry.clientID = "null"
        #expect(try TokensFile.entries(of: entry.yaml(rules: rules, consumers: ["c'", ""]), path: "") == [entry])
        entry.isAdmin = true
        #expect(try TokensFile.entries(of: entry.yaml(rules: rules, consumers: ["c'", ""]), path: "") == [entry])
    }

    @Test(
        "what is wrong is told with file, line, field, and what may have been meant",
        arguments: [
            ("- name: a\n  hsh: x", "t.yaml:2: there is no \"hsh\" in an entry; did you mean hash?"),
            ("- name: a\n  hash: 12", "t.yaml:2: hash of \"a\" is no SHA-256"),
            ("- name: a", "t.yaml:1: \"a\" needs one of hash and certificate"),
            ("- hash: 12", "t.yaml:1: the entry has no name"),
            ("- name: ''\n  certificate: a", "t.yaml:1: name must be a text that isn't empty"),
            ("tokens: []", "t.yaml:1: is no list"),
            ("- text", "t.yaml:1: an entry is no mapping"),
            ("- name: [", "t.yaml can't be understood"),
            ("- name: a\n  certificate: a\n  admin: perhaps", "t.yaml:3: admin must be true or false"),
            ("- name: a\n  certificate: a\n  expires: soon", "t.yaml:3: expires must be a time such as"),
            ("- name: a\n  certificate: a\n  permissions: all", "t.yaml:3: permissions must be a list"),
            (
                "- name: a\n  certificate: a\n  permissions:\n    - prefix: x\n      allow: raad",
                "t.yaml:5: allow: \"raad\" is not one of read, write, read-write; did you mean read?"
            ),
            (
                "- name: a\n  certificate: a\n  permissions:\n    - allow: read",
                "t.yaml:4: the permission has no prefix"
            ),
            ("- name: a\n  certificate: a\n  permissions:\n    - prefix: x", "t.yaml:4: the permission has no allow"),
            (
                "- {name: a, certificate: a}\n- {name: a, certificate: b}",
                "t.yaml:2: an entry named \"a\" is there already, in line 1"
            ),
            (
                "- {name: a, certificate: a}\n- {name: b, certificate: a}",
                "t.yaml:2: certificate \"a\" is there already, in line 1"
            ),
            ("- {name: anonymous, admin: true}", "t.yaml:1: \"anonymous\" is for everybody"),
            ("- {name: anonymous, certificate: x}", "t.yaml:1: \"anonymous\" is for calls that show nothing"),
            (
                "- {name: a, certificate: x, client-id: 'jwt:b'}",
                "t.yaml:1: \"a\" would call as client \"jwt:b\": what begins"
            ),
            ("- {name: 'jwt:b', certificate: x}", "t.yaml:1: \"jwt:b\" would call as client \"jwt:b\": what begins"),
            (
                "- {name: a, certificate: x, client-id: b}\n- {name: b, certificate: y}",
                "t.yaml:2: \"b\" would call as client \"b\", which belongs to \"a\""
            ),
            ("- {name: a, certificate: x, client-id: ''}", "t.yaml:1: client-id must be a text that isn't empty"),
        ])
    func wrong(_ text: String, _ expected: String) {
        let problems = problems(text)
        #expect(problems.count == 1 && problems.first?.hasPrefix(expected) == true, "\(problems)")
    }

    @Test("everything that is wrong is told at once")
    func all() {
        #expect(problems("- {name: a, hash: 1, admin: 2}\n- {nam: b, certificate: x}").count == 3)
    }

    @Test("a hash is 64 hexadecimal digits; tokens are random, marked, and fit for a header")
    func hashes() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(TokenHash(of: "abc").hex == abc, "FIPS 180-4, appendix B.1")
        #expect(TokenHash(hex: abc)?.matches(TokenHash(of: "abc")) == true)
        #expect(TokenHash(hex: abc)?.matches(TokenHash(of: "abd")) == false)
        for wrong in [
            "", String(abc.dropLast()), abc + "0", String(abc.dropLast()) + "g", String(abc.dropLast()) + "é",
        ] {
            #expect(TokenHash(hex: wrong) == nil, "\(wrong)")
        }
        let tokens = (0..<100).map { _ in NewToken.random() }
        #expect(Set(tokens).count == 100)
        #expect(tokens.allSatisfy { $0.hasPrefix("cairn_") && $0.count == 49 && !$0.contains { "+/=. ".contains($0) } })
    }
}
