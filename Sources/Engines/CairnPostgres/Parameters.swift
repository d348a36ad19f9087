/// The parameters of a statement in PostgreSQL's binary form, all in one buffer.
///
/// Numbers are big-endian. An array is its dimensions and then, for each element, its length and its bytes; -1 stands
/// for NULL. Made in one go and sent as they are: no text is formatted here or parsed by the server.
struct Parameters: Sendable {
    /// The bytes of all parameters, one after the other.
    private(set) var bytes: [UInt8] = []
    /// Where each parameter lies in ``bytes``; `nil` for NULL.
    private(set) var ranges: [Range<Int>?] = []

    /// How many parameters there are.
    var count: Int { ranges.count }

    init() {}

    /// Makes room for what is going to be added.
    mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

    // MARK: Single values

    mutating func add(_ number: Int64) { parameter { $0.append(number) } }

    mutating func add(_ number: Int64?) {
        if let number { add(number) } else { ranges.append(nil) }
    }

    mutating func add(_ number: Int32) { parameter { $0.append(number) } }

    mutating func add(_ flag: Bool) { parameter { $0.bytes.append(flag ? 1 : 0) } }

    mutating func add(_ bytes: [UInt8]) { parameter { $0.bytes.append(contentsOf: bytes) } }

    mutating func add(_ text: String) { parameter { $0.bytes.append(contentsOf: text.utf8) } }

    mutating func addNull() { ranges.append(nil) }

    // MARK: Arrays

    mutating func add(array numbers: some Collection<Int64>) {
        array(of: .bigint, numbers) { $0.element($1) }
    }

    mutating func add(array numbers: some Collection<Int64?>) {
        array(of: .bigint, numbers, mayHoldNulls: true) { parameters, number in
            if let number { parameters.element(number) } else { parameters.null() }
        }
    }

    mutating func add(array numbers: some Collection<Int32>) {
        array(of: .integer, numbers) { parameters, number in
            parameters.append(Int32(4))
            parameters.append(number)
        }
    }

    mutating func add(array flags: some Collection<Bool>) {
        array(of: .boolean, flags) { parameters, flag in
            parameters.append(Int32(1))
            parameters.bytes.append(flag ? 1 : 0)
        }
    }

    mutating func add(array values: some Collection<[UInt8]>) {
        array(of: .bytea, values) { $0.element($1) }
    }

    mutating func add(array values: some Collection<[UInt8]?>) {
        array(of: .bytea, values, mayHoldNulls: true) { parameters, value in
            if let value { parameters.element(value) } else { parameters.null() }
        }
    }

    mutating func add(array texts: some Collection<String>) {
        array(of: .text, texts) { parameters, text in
            parameters.append(Int32(text.utf8.count))
            parameters.bytes.append(contentsOf: text.utf8)
        }
    }

    // MARK: The form

    /// The numbers by which PostgreSQL knows the types of elements; they are part of its protocol and never change.
    private enum ElementType: Int32 {
        case boolean = 16
        case bytea = 17
        case bigint = 20
        case integer = 23
        case text = 25
    }

    private mutating func parameter(_ write: (inout Parameters) -> Void) {
        let start = bytes.count
        write(&self)
        ranges.append(start..<bytes.count)
    }

    private mutating func array<Elements: Collection>(
        of type: ElementType, _ elements: Elements, mayHoldNulls: Bool = false,
        _ write: (inout Parameters, Elements.Element) -> Void
    ) {
        let start = bytes.count
        let count = Int32(elements.count)
        // An empty array has no dimensions at all.
        append(Int32(count == 0 ? 0 : 1))
        append(Int32(mayHoldNulls ? 1 : 0))
        append(type.rawValue)
        if count > 0 {
            append(count)
            append(Int32(1))  // the index of the first element
            for element in elements { write(&self, element) }
        }
        ranges.append(start..<bytes.count)
    }

    private mutating func element(_ number: Int64) {
        append(Int32(8))
        append(number)
    }

    private mutating func element(_ value: [UInt8]) {
        append(Int32(value.count))
        bytes.append(contentsOf: value)
    }

    private mutating func null() { append(Int32(-1)) }

    private mutating func append(_ number: some FixedWidthInteger) {
        // The pointer is to a copy on the stack, for the time of the call.
        Swift.withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
