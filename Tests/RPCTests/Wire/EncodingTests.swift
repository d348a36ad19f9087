import CairnRPC
import Testing

@Suite("Text encodings")
struct EncodingTests {
    @Test("percent-encoding comes back", arguments: ["", "plain", "100 %", "«ñ» \n\u{0}", "%41", "🐌"])
    func percent(_ text: String) {
        let encoded = PercentEncoding.encode(text)
        #expect(encoded.allSatisfy { (0x20...0x7E).contains($0) })
        #expect(PercentEncoding.decode(encoded) == text)
    }

    @Test("invalid escapes stay as they are") func invalidEscapes() {
        #expect(PercentEncoding.decode("%".utf8) == "%")
        #expect(PercentEncoding.decode("a%4".utf8) == "a%4")
        #expect(PercentEncoding.decode("%zz%41".utf8) == "%zzA")
    }

    @Test("base64 comes back at every length", arguments: 0...9)
    func base64(_ count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 97 + 200) }
        let text = Base64.encode(bytes)
        #expect(Base64.decode(text) == bytes)
        #expect(!text.contains(UInt8(ascii: "=")))
        let padding = Array(repeating: UInt8(ascii: "="), count: (4 - text.count % 4) % 4)
        #expect(Base64.decode(text + padding) == bytes)
    }

    @Test("what is not base64 is refused", arguments: ["a", "a=", "ab=", "ab==c", "a b", "abcde", "ab===="])
    func notBase64(_ text: String) { #expect(Base64.decode(text.utf8) == nil) }

    @Test("gzip comes back", arguments: [0, 1, 100, 16_384, 1_000_000])
    func gzip(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let packed = Gzip.compress(bytes)
        #expect(try Gzip.decompress(packed, limit: count) == bytes)
        guard count > 0 else { return }
        #expect(throws: Gzip.Failure.tooLarge(limit: count - 1)) { try Gzip.decompress(packed, limit: count - 1) }
    }

    @Test("broken gzip is refused") func brokenGzip() {
        let packed = Gzip.compress(Array(repeating: 7, count: 1000))
        #expect(throws: Gzip.Failure.malformed) { try Gzip.decompress([], limit: 10) }
        #expect(throws: Gzip.Failure.malformed) { try Gzip.decompress([1, 2, 3], limit: 10) }
        #expect(throws: Gzip.Failure.malformed) { try Gzip.decompress(Array(packed.dropLast(3)), limit: 2000) }
        #expect(throws: Gzip.Failure.malformed) { try Gzip.decompress(packed + [0], limit: 2000) }
    }
}
