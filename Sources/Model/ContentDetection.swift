// What a value looks like, by its first bytes: the tables of the WHATWG's MIME Sniffing Standard
// (https://mimesniff.spec.whatwg.org), in their order. It follows from the content alone, so it is not stored.

extension Value {
    /// The media type that the first 512 bytes of the content look like, such as `image/png`; text that is nothing else
    /// is `text/plain; charset=utf-8`, and anything else `application/octet-stream`. `nil` for an empty content.
    ///
    /// A guess, which who wrote the value can mislead: not to be relied on where it matters for safety. What the writer
    /// says that it is: ``contentType``.
    public var detectedContentType: String? {
        if content.isEmpty { return nil }
        let head = content.prefix(512)
        if head.looksLikeHTML { return "text/html; charset=utf-8" }
        if head.drop(while: \.isWhitespace).starts(with: "<?xml".utf8) { return "text/xml; charset=utf-8" }
        if let signature = Signature.all.first(where: { $0.matches(head) }) { return signature.type }
        if head.looksLikeMP4 { return "video/mp4" }
        return head.contains(where: \.isBinary) ? "application/octet-stream" : "text/plain; charset=utf-8"
    }
}

/// Bytes that files of a type have in certain places.
private struct Signature: Sendable {
    let type: String
    /// From the beginning; `nil` matches any byte.
    let pattern: [UInt8?]

    init(_ type: String, _ bytes: [UInt8?]) {
        self.type = type
        pattern = bytes
    }

    /// A `?` in the text matches any byte.
    init(_ type: String, _ text: String) {
        self.init(type, text.unicodeScalars.map { $0 == "?" ? nil : UInt8($0.value) })
    }

    func matches(_ head: ArraySlice<UInt8>) -> Bool {
        head.count >= pattern.count
            && zip(head, pattern).allSatisfy { byte, wanted in wanted.map { $0 == byte } ?? true }
    }

    static let all = marks + images + soundsAndFilms + fonts + archives

    private static let marks = [
        Signature("application/pdf", "%PDF-"), Signature("application/postscript", "%!PS-Adobe-"),
        // A byte order mark, and something after it.
        Signature("text/plain; charset=utf-16be", [0xFE, 0xFF, nil, nil]),
        Signature("text/plain; charset=utf-16le", [0xFF, 0xFE, nil, nil]),
        Signature("text/plain; charset=utf-8", [0xEF, 0xBB, 0xBF, nil]),
    ]
    private static let images = [
        Signature("image/x-icon", [0, 0, 1, 0]), Signature("image/x-icon", [0, 0, 2, 0]),
        Signature("image/bmp", "BM"), Signature("image/gif", "GIF87a"), Signature("image/gif", "GIF89a"),
        Signature("image/webp", "RIFF????WEBPVP"), Signature("image/png", "\u{89}PNG\r\n\u{1A}\n"),
        Signature("image/jpeg", [0xFF, 0xD8, 0xFF]),
    ]
    private static let soundsAndFilms = [
        Signature("audio/aiff", "FORM????AIFF"), Signature("audio/mpeg", "ID3"),
        Signature("application/ogg", "OggS\0"), Signature("audio/midi", "MThd\0\0\0\u{6}"),
        Signature("video/avi", "RIFF????AVI "), Signature("audio/wave", "RIFF????WAVE"),
        Signature("video/webm", [0x1A, 0x45, 0xDF, 0xA3]),
    ]
    private static let fonts = [
        Signature("application/vnd.ms-fontobject", Array(repeating: nil, count: 34) + [0x4C, 0x50]),
        Signature("font/ttf", [0, 1, 0, 0]), Signature("font/otf", "OTTO"), Signature("font/collection", "ttcf"),
        Signature("font/woff", "wOFF"), Signature("font/woff2", "wOF2"),
    ]
    private static let archives = [
        Signature("application/x-gzip", [0x1F, 0x8B, 0x08]), Signature("application/zip", "PK\u{3}\u{4}"),
        Signature("application/x-rar-compressed", "Rar!\u{1A}\u{7}\0"),
        Signature("application/x-rar-compressed", "Rar!\u{1A}\u{7}\u{1}\0"),
        Signature("application/wasm", "\0asm"),
    ]
}

extension ArraySlice<UInt8> {
    private static let tags = [
        "<!DOCTYPE HTML", "<HTML", "<HEAD", "<SCRIPT", "<IFRAME", "<H1", "<DIV", "<FONT", "<TABLE", "<A", "<STYLE",
        "<TITLE", "<B", "<BODY", "<BR", "<P",
    ].map { Array($0.utf8) }

    /// Whether it begins with one of some tags, and the tag ends there, or with a comment.
    fileprivate var looksLikeHTML: Bool {
        let text = drop(while: \.isWhitespace)
        if text.starts(with: "<!--".utf8) { return true }
        return Self.tags.contains { tag in
            guard text.count > tag.count, zip(text, tag).allSatisfy({ $0.uppercased == $1 }) else { return false }
            let end = text[text.startIndex + tag.count]
            return end == UInt8(ascii: " ") || end == UInt8(ascii: ">")
        }
    }

    /// Whether it is an ISO media file of an MP4 brand: a box `ftyp` whose brands begin with `mp4`.
    fileprivate var looksLikeMP4: Bool {
        let head = Array(self)
        guard head.count >= 12, head[4..<8].elementsEqual("ftyp".utf8) else { return false }
        let size = head[0..<4].reduce(0) { $0 << 8 | Int($1) }
        guard size <= head.count, size % 4 == 0 else { return false }
        return stride(from: 8, to: size, by: 4).contains { place in
            // What stands at 12 is the version of the first brand.
            place != 12 && head[place...].starts(with: "mp4".utf8)
        }
    }
}

extension UInt8 {
    fileprivate var isWhitespace: Bool { [0x09, 0x0A, 0x0C, 0x0D, 0x20].contains(self) }

    /// Whether no text has it.
    fileprivate var isBinary: Bool {
        self <= 0x08 || self == 0x0B || (0x0E...0x1A).contains(self) || (0x1C...0x1F).contains(self)
    }

    fileprivate var uppercased: UInt8 { (0x61...0x7A).contains(self) ? self - 0x20 : self }
}
