import CairnModel
import Testing

/// What a value looks like, and its hash.
@Suite("What values look like")
struct ContentDetectionTests {
    @Test(
        "text and what begins like a file of some type",
        arguments: [
            ("hello", "text/plain; charset=utf-8"), ("<!DOCTYPE html>\n", "text/html; charset=utf-8"),
            (" \t\n<HtMl lang=en>", "text/html; charset=utf-8"), ("<br>", "text/html; charset=utf-8"),
            ("<brook>", "text/plain; charset=utf-8"), ("<b", "text/plain; charset=utf-8"),
            ("<!--x", "text/html; charset=utf-8"), ("\n<?xml version", "text/xml; charset=utf-8"),
            ("%PDF-1.7", "application/pdf"), ("%!PS-Adobe-3.0", "application/postscript"), ("GIF89a", "image/gif"),
            ("RIFF....WEBPVP8 ", "image/webp"), ("RIFF....WAVEfmt ", "audio/wave"), ("RIFF....AVI LIST", "video/avi"),
            ("FORM....AIFF", "audio/aiff"), ("ID3\u{3}", "audio/mpeg"), ("MThd\0\0\0\u{6}", "audio/midi"),
            ("OggS\0", "application/ogg"), ("wOF2", "font/woff2"), ("OTTO", "font/otf"), ("ttcf", "font/collection"),
            ("PK\u{3}\u{4}", "application/zip"), ("\0asm", "application/wasm"), ("BM", "image/bmp"),
            ("Rar!\u{1A}\u{7}\u{1}\0", "application/x-rar-compressed"), ("a\u{1}", "application/octet-stream"),
            ("tab\tline\r\n\u{1B}[0m", "text/plain; charset=utf-8"),
        ])
    func texts(text: String, type: String) {
        #expect(Value(text).detectedContentType == type)
    }

    @Test(
        "bytes",
        arguments: [
            ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0], "image/png"), ([0xFF, 0xD8, 0xFF], "image/jpeg"),
            ([0, 0, 1, 0], "image/x-icon"), ([0xFE, 0xFF, 0, 0x61], "text/plain; charset=utf-16be"),
            ([0xFF, 0xFE, 0x61, 0], "text/plain; charset=utf-16le"), ([0xFF, 0xFE], "text/plain; charset=utf-8"),
            ([0xEF, 0xBB, 0xBF, 0x61], "text/plain; charset=utf-8"), ([0x1F, 0x8B, 0x08], "application/x-gzip"),
            ([0x1A, 0x45, 0xDF, 0xA3], "video/webm"), ([0, 1, 0, 0], "font/ttf"),
            ([0xC3, 0xA9], "text/plain; charset=utf-8"),
            ([0, 0, 0, 0x10] + Array("ftypmp42____".utf8), "video/mp4"),
            // The brand that follows the first one's version; and a box that is larger than what there is.
            ([0, 0, 0, 0x14] + Array("ftypisomxxxxmp41".utf8), "video/mp4"),
            ([0, 0, 0, 0x14] + Array("ftypisommp41isom".utf8), "application/octet-stream"),
            ([0, 0, 0, 0x20] + Array("ftypmp42____".utf8), "application/octet-stream"),
            (Array(repeating: 1, count: 34) + [0x4C, 0x50], "application/vnd.ms-fontobject"),
        ] as [([UInt8], String)])
    func bytes(bytes: [UInt8], type: String) {
        #expect(Value(bytes: bytes).detectedContentType == type)
    }

    @Test("nothing has no type; what comes after 512 bytes is not looked at")
    func bounds() {
        #expect(Value("").detectedContentType == nil)
        let text = Array(repeating: UInt8(ascii: "a"), count: 512)
        #expect(Value(bytes: text + [0]).detectedContentType == "text/plain; charset=utf-8")
        #expect(Value(bytes: text.dropLast() + [0]).detectedContentType == "application/octet-stream")
    }

    @Test(
        "the hash is FNV-1a of 64 bits",
        arguments: [
            ("", 14_695_981_039_346_656_037), ("foo", 15_902_901_984_413_996_407), ("bar", 16_101_355_973_854_746),
            ("baz", 16_092_559_880_829_058),
        ] as [(String, UInt64)])
    func hash(text: String, hash: UInt64) {
        #expect(Value(text).hash64 == hash)
    }
}
