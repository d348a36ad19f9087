import CairnModel
import Testing

/// Values that are given a content type.
@Suite("Values with a content type")
struct ContentTypeTests {
    @Test(
        "what is a content type is kept as it is written",
        arguments: [
            "a/b", "image/png", "Text/HTML", "application/vnd.oasis.opendocument.text", "application/ld+json",
            "text/plain;charset=utf-8", "text/plain ; charset=utf-8", "text/plain; charset=\"utf-8\"; x=y",
            "a/b;", "a/b;;c=d", "a/b;\tc=d", "a/b; c=\"a \\\" b\"", "a/b; c=\"\"", "1/2", "x-a.b_c/d-!#$&^e",
            "a/" + String(repeating: "b", count: 127),
            "a/" + String(repeating: "b", count: 127) + ";" + String(repeating: "c", count: 123) + "=d",
        ])
    func types(type: String) throws {
        let value = try Value("data", contentType: type)
        #expect(value.contentType == type && value.text == "data" && value.kind == .typed)
        #expect(value.bytes == [UInt8(type.utf8.count)] + Array(type.utf8) + Array("data".utf8))
        #expect(Array(value.content) == Array("data".utf8))
        #expect(Value(kind: .typed, bytes: value.bytes) == value)
    }

    @Test(
        "what is none is refused",
        arguments: [
            "", "a", "/", "a/", "/b", "a/b/c", "a b/c", " a/b", "a/b ", "a/ b", "a/b;c", "a/b;c=", "a/b;=d", "a/b;c =d",
            "a/b;c= d", "a/b c=d", "a/b;c=\"d", "a/b;c=\"d\\", "a/b;c=\"d\"e", "a/b;c=\"\u{7}\"", "a/é", "a/b;c=\"é\"",
            "a\n/b", "a/b\n", "a/b\0", ".a/b", "a/-b", "*/*", "a/b;c=d,e", "text/html, text/plain",
            "a/" + String(repeating: "b", count: 128), String(repeating: "a", count: 128) + "/b",
            "a/b;" + String(repeating: "c", count: 251) + "=d",
        ])
    func noTypes(type: String) {
        let error = #expect(throws: StoreError.self) { try Value("data", contentType: type) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.unicodeScalars.allSatisfy { (32..<127).contains($0.value) || $0 == "…" } == true)
    }

    @Test("a value without a type is plain bytes")
    func plain() throws {
        #expect(try Value("data", contentType: nil) == "data")
        #expect(Value("data").contentType == nil && Array(Value("data").content) == Array("data".utf8))
        #expect(try Value("data", contentType: "a/b") != "data")
        #expect(try Value("data", contentType: "a/b") != Value("data", contentType: "a/c"))
    }

    @Test("an empty content has a type, and nothing to detect")
    func empty() throws {
        let value = try Value([], contentType: "a/b")
        #expect(value.contentType == "a/b" && value.content.isEmpty && value.detectedContentType == nil)
        #expect(value.hash64 == Value("").hash64)
    }

    @Test("the hash and what is detected are the content's")
    func content() throws {
        let value = try Value("<!DOCTYPE html>\n", contentType: "image/png")
        #expect(value.detectedContentType == "text/html; charset=utf-8")
        #expect(value.hash64 == Value("<!DOCTYPE html>\n").hash64)
    }

    @Test("bytes that don't begin with a type are shown as they are, whatever they are")
    func malformed() throws {
        var generator = SystemRandomNumberGenerator()
        let whole = try Value("d", contentType: "text/plain; a=\"b\"").bytes
        var forms: [[UInt8]] = [
            [], [0], [0, 1], [1], [255], [3, 0x61, 0x2F], [3, 0x61, 0x62, 0x63], [3, 0x61, 0x2F, 0xFF],
        ]
        for count in 0..<whole.count - 1 { forms.append(Array(whole[..<count])) }
        #expect(forms.allSatisfy { Value(kind: .typed, bytes: $0).contentType == nil })
        for _ in 0..<2_000 {
            forms.append((0..<Int.random(in: 0...9)).map { _ in UInt8.random(in: 0...255, using: &generator) })
        }
        for bytes in forms {
            let value = Value(kind: .typed, bytes: bytes)
            if let type = value.contentType {
                #expect(try Value(Array(value.content), contentType: type) == value)
            } else {
                #expect(Array(value.content) == bytes)
            }
        }
    }
}
