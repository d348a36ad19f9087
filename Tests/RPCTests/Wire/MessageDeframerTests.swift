import CairnRPC
import Testing

@Suite("Message framing")
struct MessageDeframerTests {
    // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
    private static func frame(_ bytes: [UInt8], flag: UInt8 = 0) -> [UInt8] {
        [flag] + withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { Array($0) } + bytes
    }

    private static func messages(
        _ bytes: [UInt8], chunk: Int, limit: Int = 1000
    ) throws -> (messages: [ReceivedMessage], isAtBoundary: Bool) {
        var deframer = MessageDeframer(limit: limit)
        var messages: [ReceivedMessage] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(chunk))
            rest = rest.dropFirst(chunk)
            try part.withUnsafeBytes { try deframer.receive($0) { messages.append($0) } }
        }
        return (messages, deframer.isAtBoundary)
    }

    @Test("cuts the same messages from chunks of any size", arguments: [1, 2, 3, 5, 6, 7, 100, 1000])
    func chunks(_ size: Int) throws {
        let contents: [[UInt8]] = [[1, 2, 3], [], Array(repeating: 9, count: 300), [4]]
        let bytes = contents.flatMap { Self.frame($0) } + Self.frame([5], flag: 1)
        let result = try Self.messages(bytes, chunk: size)
        #expect(result.messages.map(\.bytes) == contents + [[5]])
        #expect(result.messages.map(\.isCompressed) == [false, false, false, false, true])
        #expect(result.isAtBoundary)
    }

    @Test("an unfinished message is not at a boundary", arguments: [1, 4, 5, 7])
    func unfinished(_ count: Int) throws {
        let result = try Self.messages(Array(Self.frame([1, 2, 3]).prefix(count)), chunk: 3)
        #expect(result.messages.isEmpty)
        #expect(!result.isAtBoundary)
    }

    @Test("takes the limit and not one byte more") func limit() throws {
        #expect(try Self.messages(Self.frame(Array(repeating: 1, count: 10)), chunk: 4, limit: 10).messages.count == 1)
        #expect(throws: MessageDeframer.Failure.tooLarge(length: 11, limit: 10)) {
            try Self.messages(Self.frame(Array(repeating: 1, count: 11)), chunk: 4, limit: 10)
        }
        #expect(throws: MessageDeframer.Failure.tooLarge(length: 0xFFFF_FFFF, limit: 10)) {
            try Self.messages([0, 0xFF, 0xFF, 0xFF, 0xFF], chunk: 5, limit: 10)
        }
    }

    @Test("refuses a flag that is neither 0 nor 1") func flag() {
        #expect(throws: MessageDeframer.Failure.invalidFlag) { try Self.messages(Self.frame([], flag: 2), chunk: 9) }
    }

    @Test("an encoded message carries its prefix") func encoded() {
        #expect(EncodedMessage(bytes: [7, 8]).framed == [0, 0, 0, 0, 2, 7, 8])
        #expect(EncodedMessage(bytes: [7, 8]).count == 2)
        #expect(Array(EncodedMessage(bytes: [7, 8]).bytes) == [7, 8])
    }
}
