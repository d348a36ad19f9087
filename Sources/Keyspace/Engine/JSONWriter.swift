/// Writes JSON whose names and texts need no escaping: everything that could is written in base64.
struct JSONWriter {
    private var bytes: [UInt8] = []
    /// Whether the next entry needs a comma before it.
    private var needsComma = false

    init() { bytes.reserveCapacity(256) }

    /// What was written.
    var text: String { String(decoding: bytes, as: UTF8.self) }

    mutating func object(_ body: (inout JSONWriter) -> Void) {
        enter("{")
        body(&self)
        leave("}")
    }

    mutating func object(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
        self.name(name)
        object(body)
    }

    mutating func array<Element>(
        _ name: StaticString,
        of elements: [Element],
        _ body: (inout JSONWriter, Element) -> Void
    ) {
        self.name(name)
        enter("[")
        for element in elements { body(&self, element) }
        leave("]")
    }

    mutating func field(_ name: StaticString, _ number: Int64) {
        self.name(name)
        bytes.append(contentsOf: String(number).utf8)
        needsComma = true
    }

    mutating func field(_ name: StaticString, _ flag: Bool) {
        self.name(name)
        bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        needsComma = true
    }

    /// Writes a word of letters.
    mutating func field(_ name: StaticString, _ word: String) {
        self.name(name)
        quoted { $0.append(contentsOf: word.utf8) }
    }

    mutating func field(_ name: StaticString, base64 data: [UInt8]) {
        self.name(name)
        quoted { bytes in
            var index = 0
            while index < data.count {
                let second = index + 1 < data.count ? UInt32(data[index + 1]) : 0
                let third = index + 2 < data.count ? UInt32(data[index + 2]) : 0
                let group = UInt32(data[index]) << 16 | second << 8 | third
                bytes.append(JSONWriter.digit(group >> 18))
                bytes.append(JSONWriter.digit(group >> 12))
                bytes.append(index + 1 < data.count ? JSONWriter.digit(group >> 6) : UInt8(ascii: "="))
                bytes.append(index + 2 < data.count ? JSONWriter.digit(group) : UInt8(ascii: "="))
                index += 3
            }
        }
    }

    private static func digit(_ sextet: UInt32) -> UInt8 {
        switch UInt8(truncatingIfNeeded: sextet & 63) {
        case let value where value < 26: value + UInt8(ascii: "A")
        case let value where value < 52: value - 26 + UInt8(ascii: "a")
        case let value where value < 62: value - 52 + UInt8(ascii: "0")
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }

    private mutating func quoted(_ body: (inout [UInt8]) -> Void) {
        bytes.append(UInt8(ascii: "\""))
        body(&bytes)
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    private mutating func name(_ name: StaticString) {
        comma()
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    private mutating func enter(_ bracket: Unicode.Scalar) {
        comma()
        bytes.append(UInt8(ascii: bracket))
        needsComma = false
    }

    private mutating func leave(_ bracket: Unicode.Scalar) {
        bytes.append(UInt8(ascii: bracket))
        needsComma = true
    }

    private mutating func comma() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }
}
