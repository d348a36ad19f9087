import CairnRPC
import CairnTestWaits
import Foundation
import SwiftProtobuf
import Synchronization
import Testing

@Suite("Back-pressure", .timeLimit(.minutes(10)))
struct BackPressureTests {
    private static let chunk = 32 * 1024

    /// How many messages are written at least to a reader that doesn't read: the peer's window of 1 MiB, and half of
    /// the writer's limit of 256 KiB. A writer that waits is woken when half of its limit is free; whether that comes
    /// once more before the window closes is a matter of which bytes the connection sends in one go.
    private static let heldAt = 36
    /// And at most: the window and the whole limit hold 39 messages with their prefixes, and the first one's bytes are
    /// credited while it is unfinished.
    private static let bound = 41

    @Test("a reader that stops bounds what the server writes") func slowReader() async throws {
        let written = Counter()
        let blocked = Signal("the writer is held")
        var router = RPCRouter()
        router.serverStreaming("t.T/Flood") { (_: Text, writer: RPCResponseWriter<Bytes>, _: RPCContext) async throws in
            let message = try EncodedMessage(Bytes(Data(count: Self.chunk)))
            for _ in 0..<1000 {
                try await writer.writeEncoded(message)
                if written.increment() == Self.heldAt { blocked.set() }
            }
        }
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                var responses = try client.serverStreaming("t.T/Flood", Text(""), as: Bytes.self).makeAsyncIterator()
                try await blocked.wait()
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
        let blocked = Signal("the writer is held")
        let proceed = Signal("the handler may go on")
        var router = RPCRouter()
        router.clientStreaming("t.T/Sink") {
            (requests: RPCRequestStream<Bytes>, _: RPCContext) async throws -> Number in
            try await proceed.wait()
            var count = 0
            for try await _ in requests {
                #expect(written.value - count <= Self.bound)
                count += 1
            }
            return Number(Int64(count))
        }
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                let call = Task {
                    try await client.clientStreaming("t.T/Sink", as: Number.self) { (writer: RPCRequestWriter<Bytes>) in
                        let message = try EncodedMessage(Bytes(Data(count: Self.chunk)))
                        for _ in 0..<1000 {
                            try await writer.writeEncoded(message)
                            if written.increment() == Self.heldAt { blocked.set() }
                        }
                    }
                }
                try await blocked.wait()
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

    @Test("a writer is woken when half of its limit is free, so where it stops depends on what goes out in one go")
    func whereWritersStop() async throws {
        let (limit, message) = (256 * 1024, Self.chunk + 9)
        // The first message went out alone, and each turn of the loop after that takes all seven that fit.
        let gate = WriteGate(limit: limit, connection: ConnectionWriteLimit(limit: .max))
        var (window, written) = (1024 * 1024, 0)
        for turn in [1, 7, 7, 7, 7, 7] {
            for _ in 0..<turn { try await gate.reserve(message) }
            written += turn
            let next = Task { try await gate.reserve(message) }
            if turn == 7 { try await eventually("the next write waits") { gate.waiterCount == 1 } }
            let sent = min(window, turn * message)
            gate.release(sent)
            window -= sent
            guard window > 0 else {
                // The window is closed, and of the limit not quite half is free.
                #expect(gate.reserved > limit / 2 && gate.waiterCount == 1)
                #expect(written == Self.heldAt)
                gate.release(gate.reserved - limit / 2)
                return try await next.value
            }
            try await next.value
            gate.release(message)
        }
        Issue.record("the window never closed")
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
