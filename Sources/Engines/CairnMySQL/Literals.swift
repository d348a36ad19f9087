internal import CMariaDB
internal import CairnModel

/// SQL with its values in it, as the bytes that are sent: one statement, or several with semicolons between them.
///
/// Values are written into the text, because only text can carry several statements in one round trip, on MariaDB and
/// on MySQL. They are numbers, or hexadecimal literals: a literal means the same bytes in every `sql_mode` and
/// character set, and needs no escaping. There is no way to put text into a statement but as one of these, as an
/// ``Identifier``, or as a literal of this program.
struct SQL: Sendable {
    /// What is sent.
    private(set) var bytes: [UInt8] = []
    /// Where each statement begins.
    private var starts = [0]

    /// How many statements it holds.
    var count: Int { starts.count }

    /// The place of a statement among the bytes, without the semicolon after it.
    func range(of statement: Int) -> Range<Int> {
        starts[statement]..<(statement + 1 < starts.count ? starts[statement + 1] - 1 : bytes.count)
    }

    /// An empty statement, to append to.
    init() {}

    /// Adds statements after these.
    mutating func then(_ next: SQL) {
        bytes.append(UInt8(ascii: ";"))
        let start = bytes.count
        bytes.append(contentsOf: next.bytes)
        for place in next.starts { starts.append(start + place) }
    }

    /// These statements, and then others.
    func followed(by next: SQL) -> SQL {
        var both = self
        both.then(next)
        return both
    }

    /// Continues the last statement.
    mutating func append(_ more: SQL) {
        let start = bytes.count
        bytes.append(contentsOf: more.bytes)
        for place in more.starts.dropFirst() { starts.append(start + place) }
    }

    /// Makes room for that many bytes, so that appending them doesn't copy what there is.
    mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

    /// The text, for tests and messages.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

// Values.
extension SQL {
    /// Appends text of this program as it is.
    mutating func append(_ text: StaticString) {
        // The pointer is to a constant of the program.
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Appends a number in decimal.
    mutating func append(_ number: Int64) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = number.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// Appends a number, or NULL.
    mutating func append(_ number: Int64?) {
        if let number { append(number) } else { append("NULL" as StaticString) }
    }

    /// Appends bytes as `X'…'`.
    mutating func append(hex value: [UInt8]) { append(hex: value[...]) }

    /// Appends bytes as `X'…'`.
    mutating func append(hex value: ArraySlice<UInt8>) {
        append("X'" as StaticString)
        // The library writes the digits, and a zero after them, into memory that is there while the closure runs; that
        // is quicker than a loop here.
        value.withUnsafeBytes { source in
            withUnsafeTemporaryAllocation(byteCount: 2 * source.count + 1, alignment: 1) { digits in
                let target = digits.bindMemory(to: CChar.self)
                _ = mysql_hex_string(
                    target.baseAddress, source.bindMemory(to: CChar.self).baseAddress, UInt(source.count))
                bytes.append(contentsOf: UnsafeRawBufferPointer(digits).dropLast())
            }
        }
        bytes.append(UInt8(ascii: "'"))
    }

    /// Appends bytes, or NULL.
    mutating func append(optionalHex value: [UInt8]?) {
        if let value { append(hex: value) } else { append("NULL" as StaticString) }
    }

    /// Appends a name in backticks.
    mutating func append(_ name: Identifier) {
        bytes.append(UInt8(ascii: "`"))
        bytes.append(contentsOf: name.text.utf8)
        bytes.append(UInt8(ascii: "`"))
    }

    /// How many bytes a value takes as a literal.
    static func literalBytes(_ count: Int) -> Int { 2 * count + 3 }
}

/// A name of a table or a view, made of letters, digits and underscores.
struct Identifier: Hashable, Sendable {
    let text: String

    /// A name of these characters, or `nil` if others are among them or there are more than 64.
    init?(_ text: String) {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isPlain, !text.isEmpty, text.utf8.count <= 64 else { return nil }
        self.text = text
    }

    /// A prefix that was checked, and a name of this program.
    init(prefix: Identifier?, _ name: StaticString) {
        text = (prefix?.text ?? "") + name.description
    }
}

extension SQL: ExpressibleByStringInterpolation {
    /// Statements of this program's text alone.
    init(stringLiteral text: String) { append(literal: text) }

    /// Text of this program with values between.
    init(stringInterpolation: Interpolation) { self = stringInterpolation.sql }

    /// Collects the pieces.
    struct Interpolation: StringInterpolationProtocol {
        var sql = SQL()

        init(literalCapacity: Int, interpolationCount: Int) {
            sql.reserve(literalCapacity + 24 * interpolationCount)
        }

        mutating func appendLiteral(_ text: String) { sql.append(literal: text) }
        mutating func appendInterpolation(_ number: Int64) { sql.append(number) }
        mutating func appendInterpolation(_ number: Int) { sql.append(Int64(number)) }
        mutating func appendInterpolation(_ bytes: [UInt8]) { sql.append(hex: bytes) }
        mutating func appendInterpolation(_ name: Identifier) { sql.append(name) }
        /// Statements, or a part of one, that were made the same way.
        mutating func appendInterpolation(_ part: SQL) { sql.append(part) }
    }

    /// A semicolon in the text of this program ends a statement; there is none in any other text.
    private mutating func append(literal text: String) {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        guard bytes[start...].contains(UInt8(ascii: ";")) else { return }
        for place in start..<bytes.count where bytes[place] == UInt8(ascii: ";") { starts.append(place + 1) }
    }
}
