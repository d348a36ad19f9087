import CairnRPC
import Foundation
import SwiftProtobuf
import Synchronization
import Testing

@Suite("Back-pressure", .timeLimit(.minutes(10)))
struct BackPressureTests {
    private static let chunk = 32 * 1024

    /// What may be under way to a reader that doesn't read: the peer's window of 1 MiB and the writer's queue of 256
    /// KiB hold 39 messages with their prefixes, and the first one's bytes are credited while it is unfinished.
    private static let blockedAt = 39
    private static let bound = 41

    @Test("a reader that stops bounds what the server writes") func slowReader() async throws {
        let written = Counter()
        let blocked = Signal()
        var router = RPCRouter()
        router.serverStreaming("t.T/Flood") { (_: Text, writer: RPCResponseWriter<Bytes>, _: RPCContext) async throws in
            let message = try EncodedMessage(Bytes(Data(count: Self.chunk)))
            for _ in 0..<1000 {
                try await writer.writeEncoded(message)
                if written.increment() == Self.blockedAt { blocked.set() }
            }
        }
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                var responses = try client.serverStreaming("t.T/Flood", Text(""), as: Bytes.self).makeAsyncIterator()
                await blocked.wait()
                #expect(written.value <= Self.bound)
                var count = 0
                while let message = try await responses.next() {
                    count += 1
                    if count > 1000 { break }
                    if count % 100 == 0 { #expect(message.value.count == Self.chunk) }
                    #expect(written.value - count <= Self.bound)
                }
                #expect(count == 1000)
            }
        }
    }

    @Test("a handler that doesn't read bounds what the client writes") func slowHandler() async throws {
        let written = Counter()
        let blocked = Signal()
        let proceed = Signal()
        var router = RPCRouter()
        router.clientStreaming("t.T/Sink") {
            (requests: RPCRequestStream<Bytes>, _: RPCContext) async throws -> Number in
            await proceed.wait()
            var count: Int64 = 0
            for try await _ in requests { count += 1 }
            return Number(count)
        }
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                let call = Task {
                    try await client.clientStreaming("t.T/Sink", as: Number.self) { (writer: RPCRequestWriter<Bytes>) in
                        let message = try EncodedMessage(Bytes(Data(count: Self.chunk)))
                        for _ in 0..<1000 {
                            try await writer.writeEncoded(message)
                            if written.increment() == Self.blockedAt { blocked.set() }
                        }
                    }
                }
                await blocked.wait()
                #expect(written.value <= Self.bound)
                proceed.set()
                let count = try await call.value
                #expect(count.value == 1000)
            }
        }
    }

    @Test("a slow stream doesn't hold up the others on its connection") func otherStreams() async throws {
        var router = echoRouter()
        router.serverStreaming("t.T/Flood") { (_: Text, writer: RPCResponseWriter<Bytes>, _: RPCContext) async throws in
            let message = try EncodedMessage(Bytes(Data(count: Self.chunk)))
            while true { try await writer.writeEncoded(message) }
        }
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                var floods: [RPCResponseStream<Bytes>] = []
                for _ in 0..<12 { floods.append(try client.serverStreaming("t.T/Flood", Text(""), as: Bytes.self)) }
                for flood in floods {
                    var iterator = flood.makeAsyncIterator()
                    _ = try await iterator.next()
                }
                for _ in 0..<100 {
                    let text = String(repeating: "x", count: 10_000)
                    let echoed = try await client.unary("t.Echo/Unary", Text(text), as: Text.self)
                    #expect(echoed.value == text)
                }
                for flood in floods { flood.cancel() }
            }
        }
    }

    @Test("a gate holds writers beyond its limit and lets them go in time") func gate() async throws {
        let gate = WriteGate(limit: 100, connection: ConnectionWriteLimit(limit: 1000))
        try await gate.reserve(500)
        #expect(gate.reserved == 500)
        let waiting = Task { try await gate.reserve(50) }
        gate.release(400)
        gate.release(60)
        try await waiting.value
        #expect(gate.reserved == 90)
        let cancelled = Task { try await gate.reserve(50) }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        let closed = Task { try await gate.reserve(50) }
        gate.close(RPCError(.cancelled, "over"))
        await #expect(throws: RPCError(.cancelled, "over")) { try await closed.value }
        await #expect(throws: RPCError(.cancelled, "over")) { try await gate.reserve(1) }
    }

    @Test("a full connection holds writers, but not their first message") func connectionGate() async throws {
        let connection = ConnectionWriteLimit(limit: 1000)
        let before = connection.update(1000)
        #expect(!before)
        let gate = WriteGate(limit: 100, connection: connection)
        try await gate.reserve(10)
        let waiting = Task { try await gate.reserve(10) }
        let gotRoom = connection.update(999)
        #expect(gotRoom)
        gate.connectionHasRoom()
        try await waiting.value
        #expect(gate.reserved == 20)
    }

    @Test("an inbox gives messages in order, then the end, and wakes its reader") func inbox() async throws {
        let inbox = MessageInbox(window: 100) {}
        let reader = Task {
            var lengths: [Int] = []
            while let message = try await inbox.next() { lengths.append(message.bytes.count) }
            return lengths
        }
        for count in 1...5 {
            let message = ReceivedMessage(isCompressed: false, bytes: Array(repeating: 0, count: count))
            _ = inbox.deliver([message], received: count + 5, held: 0)
        }
        inbox.finish(.success(()))
        let lengths = try await reader.value
        #expect(lengths == [1, 2, 3, 4, 5])
        #expect(inbox.takeCredit() >= 0)
        #expect(inbox.waitingBytes == 0)
    }

    @Test("tiny messages that wait count for the memory that they take") func overhead() async throws {
        let inbox = MessageInbox(window: 100) {}
        let message = ReceivedMessage(isCompressed: false, bytes: [])
        _ = inbox.deliver([message, message], received: 10, held: 0)
        #expect(inbox.waitingBytes == 10 + 2 * MessageInbox.messageOverhead)
        #expect(inbox.hasMessages)
        for _ in 0..<2 { _ = try await inbox.next() }
        #expect(inbox.waitingBytes == 0)
        #expect(!inbox.hasMessages)
    }

    @Test("a writer never misses that there is room, on whatever thread it comes") func roomInBetween() async throws {
        let gate = WriteGate(limit: 1, connection: ConnectionWriteLimit(limit: .max))
        let rounds = 50_000
        let sender = Thread {
            var left = rounds
            while left > 0 {
                guard gate.reserved > 0 else { continue }
                gate.release(1)
                left -= 1
            }
        }
        sender.start()
        for _ in 0..<rounds { try await gate.reserve(1) }
    }

    @Test("a cancelled reader is woken") func cancelledReader() async throws {
        let inbox = MessageInbox(window: 100) {}
        let reader = Task { try await inbox.next() }
        reader.cancel()
        await #expect(throws: CancellationError.self) { try await reader.value }
    }
}

/// A number that tasks raise.
private final class Counter: Sendable {
    private let number = Atomic<Int>(0)
    var value: Int { number.load(ordering: .relaxed) }
    func increment() -> Int { number.add(1, ordering: .relaxed).newValue }
}
