import CairnRPC
import Foundation
import SwiftProtobuf
import Synchronization
import Testing

@Suite("Calls", .timeLimit(.minutes(10)))
struct CallTests {
    @Test("every kind of call works") func kinds() async throws {
        try await withServer(echoRouter()) { server in
            try await withClient(server.addresses) { client in
                let echoed: Text = try await client.unary("t.Echo/Unary", Text("hello"))
                #expect(echoed.value == "hello")

                var counted: [Int64] = []
                for try await number in try client.serverStreaming("t.Echo/Count", Number(1000), as: Number.self) {
                    counted.append(number.value)
                }
                #expect(counted == Array(0..<1000))

                let sum: Number = try await client.clientStreaming("t.Echo/Sum") { (writer: RPCRequestWriter<Number>) in
                    for number in 1...1000 { try await writer.write(Number(Int64(number))) }
                }
                #expect(sum.value == 500_500)

                let (requests, responses) = try client.bidirectional("t.Echo/Chat", sending: Text.self, as: Text.self)
                var iterator = responses.makeAsyncIterator()
                for index in 0..<100 {
                    try await requests.write(Text("m\(index)"))
                    let answer1 = try await iterator.next()?.value
                    #expect(answer1 == "m\(index)")
                }
                requests.finish()
                let answer2 = try await iterator.next()
                #expect(answer2 == nil)
            }
        }
    }

    @Test("empty streams work") func emptyStreams() async throws {
        try await withServer(echoRouter()) { server in
            try await withClient(server.addresses) { client in
                let empty = try client.serverStreaming("t.Echo/Count", Number(0), as: Number.self)
                var responses = empty.makeAsyncIterator()
                let answer3 = try await responses.next()
                #expect(answer3 == nil)
                let sum: Number = try await client.clientStreaming("t.Echo/Sum") { (_: RPCRequestWriter<Number>) in }
                #expect(sum.value == 0)
            }
        }
    }

    @Test("metadata goes both ways") func metadata() async throws {
        var router = RPCRouter()
        router.unary("t.T/Meta") { (request: Text, context: RPCContext) async throws -> Text in
            try context.setInitialMetadata(["first": context.metadata["name"] ?? "none"])
            var trailing = RPCMetadata()
            for entry in context.metadata.entries where entry.name == "raw-bin" { trailing.append(entry) }
            try context.setTrailingMetadata(trailing)
            return Text(context.userAgent ?? "")
        }
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                var metadata: RPCMetadata = ["name": "value with spaces"]
                metadata.add("raw-bin", bytes: [0, 255])
                metadata.add("raw-bin", bytes: [])
                let response = try await client.unaryWithMetadata(
                    "t.T/Meta", Text(""), options: .init(metadata: metadata), as: Text.self)
                #expect(response.initial["first"] == "value with spaces")
                #expect(response.trailing.entries.map(\.value) == [.bytes([0, 255]), .bytes([])])
                #expect(response.message.value == "cairn-rpc")
            }
        }
    }

    @Test("errors carry message, details and metadata") func errors() async throws {
        var router = RPCRouter()
        let thrown = RPCError(
            .failedPrecondition, "not «now» 100 %\n", details: [1, 2, 3], metadata: ["why": "because"])
        router.unary("t.T/Fail") { (_: Text, _: RPCContext) async throws -> Text in throw thrown }
        router.serverStreaming("t.T/FailLate") {
            (_: Text, writer: RPCResponseWriter<Text>, _: RPCContext) async throws in
            try await writer.write(Text("one"))
            throw thrown
        }
        struct Secret: Error {}
        router.unary("t.T/Leak") { (_: Text, _: RPCContext) async throws -> Text in throw Secret() }
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                let early = await failure { _ = try await client.unary("t.T/Fail", Text(""), as: Text.self) }
                #expect(early == thrown)
                var responses = try client.serverStreaming("t.T/FailLate", Text(""), as: Text.self).makeAsyncIterator()
                let answer4 = try await responses.next()?.value
                #expect(answer4 == "one")
                let late = await failure { _ = try await responses.next() }
                #expect(late == thrown)
                let leak = await failure { _ = try await client.unary("t.T/Leak", Text(""), as: Text.self) }
                #expect(leak?.code == .unknown)
                let missing = await failure { _ = try await client.unary("t.T/None", Text(""), as: Text.self) }
                #expect(missing?.code == .unimplemented)
            }
        }
    }

    @Test("a request that is another message is an invalid argument") func invalidRequest() async throws {
        try await withServer(echoRouter()) { server in
            try await withClient(server.addresses) { client in
                // Field 1 as bytes that aren't UTF-8.
                let error = await failure {
                    _ = try await client.unary("t.Echo/Unary", Bytes(Data([0xFF, 0xFE])), as: Text.self)
                }
                #expect(error?.code == .invalidArgument)
                #expect(error?.message == "request is not a valid google.protobuf.StringValue message")
            }
        }
    }

    @Test("encoded messages are sent as they are") func encodedMessages() async throws {
        var router = RPCRouter()
        let shared = try EncodedMessage(Text("shared"))
        router.unary("t.T/Raw") { (_: Text, _: RPCContext) async throws -> EncodedMessage in shared }
        router.serverStreaming("t.T/Raws") { (_: Text, writer: RPCResponseWriter<Text>, _: RPCContext) async throws in
            for _ in 0..<3 { try await writer.writeEncoded(shared) }
        }
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                let answer5 = try await client.unary("t.T/Raw", Text(""), as: Text.self).value
                #expect(answer5 == "shared")
                var count = 0
                for try await message in try client.serverStreaming("t.T/Raws", Text(""), as: Text.self) {
                    #expect(message.value == "shared")
                    count += 1
                }
                #expect(count == 3)
            }
        }
    }

    @Test("messages up to the limit pass, one byte more does not", arguments: [-1, 0, 1])
    func messageSizes(_ excess: Int) async throws {
        let limit = 4 * 1024 * 1024 + 64 * 1024
        // A bytes field of this size takes five more bytes: its tag, and a length of four bytes.
        let message = Bytes(Data(count: limit + excess - 5))
        var router = RPCRouter()
        router.unary("t.T/Big") { (request: Bytes, _: RPCContext) async throws -> Bytes in request }
        router.clientStreaming("t.T/Bigs") {
            (requests: RPCRequestStream<Bytes>, _: RPCContext) async throws -> Number in
            var count = 0
            for try await request in requests { count += request.value.count }
            return Number(Int64(count))
        }
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                let error = await failure {
                    let echoed = try await client.unary("t.T/Big", message, as: Bytes.self)
                    #expect(echoed == message)
                }
                let streamError = await failure {
                    let count: Number = try await client.clientStreaming("t.T/Bigs") {
                        (writer: RPCRequestWriter<Bytes>) in
                        for _ in 0..<3 { try await writer.write(message) }
                    }
                    #expect(count.value == Int64(3 * message.value.count))
                }
                for error in [error, streamError] {
                    #expect(error?.code == (excess > 0 ? .resourceExhausted : nil))
                    if excess > 0 {
                        #expect(error?.message == "request of \(limit + 1) bytes exceeds the limit of \(limit) bytes")
                    }
                }
            }
        }
    }

    @Test("a response over the client's limit fails the call") func responseSize() async throws {
        try await withServer(echoRouter()) { server in
            try await withClient(server.addresses, configure: { $0.maxReceiveMessageBytes = 102 }) { client in
                let text = String(repeating: "x", count: 100)
                let fits = try await client.unary("t.Echo/Unary", Text(text), as: Text.self)
                #expect(fits.value.count == 100)
                let error = await failure {
                    _ = try await client.unary("t.Echo/Unary", Text(text + "x"), as: Text.self)
                }
                #expect(error?.code == .resourceExhausted)
            }
        }
    }

    @Test("gzip works both ways, and does not get around the limit") func gzip() async throws {
        try await withServer(
            echoRouter(),
            configure: {
                $0.compressionThreshold = 10
                $0.limits.maxReceiveMessageBytes = 10_000
            }
        ) { server in
            try await withClient(server.addresses) { client in
                let options = RPCCallOptions(compression: true)
                let text = String(repeating: "abc", count: 3000)
                let answer6 = try await client.unary("t.Echo/Unary", Text(text), options: options, as: Text.self).value
                #expect(answer6 == text)
                let answer7 = try await client.unary("t.Echo/Unary", Text("x"), options: options, as: Text.self).value
                #expect(answer7 == "x")
                let (requests, responses) = try client.bidirectional(
                    "t.Echo/Chat", options: options, sending: Text.self, as: Text.self)
                try await requests.write(Text(text))
                requests.finish()
                for try await response in responses { #expect(response.value == text) }
                let bomb = await failure {
                    let text = String(repeating: "a", count: 1_000_000)
                    _ = try await client.unary("t.Echo/Unary", Text(text), options: options, as: Text.self)
                }
                #expect(bomb?.code == .resourceExhausted)
            }
        }
    }

    @Test("handlers that leave the loop answer all the same") func hops() async throws {
        actor Counter {
            var count = 0
            func next() -> Int {
                count += 1
                return count
            }
        }
        let counter = Counter()
        var router = RPCRouter()
        router.unary("t.T/Hop") { (_: Text, _: RPCContext) async throws -> Number in
            Number(Int64(await counter.next()))
        }
        try await withServer(router) { server in
            try await withClient(server.addresses, configure: { $0.connections = 3 }) { client in
                let numbers = try await withThrowingTaskGroup(of: Int64.self) { group in
                    for _ in 0..<500 {
                        group.addTask { try await client.unary("t.T/Hop", Text(""), as: Number.self).value }
                    }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(numbers == Set(1...500))
            }
        }
    }

    @Test("an interceptor sees, wraps and refuses calls") func interceptor() async throws {
        final class Watcher: RPCServerInterceptor {
            let ended = Mutex<[String]>([])
            func intercept(_ context: RPCContext, next: @Sendable () async throws -> Void) async throws {
                guard context.metadata["token"] == "good" else { throw RPCError(.unauthenticated, "no token") }
                try await next()
            }
            func callDidEnd(_ context: RPCContext, status: RPCStatus, duration: Duration) {
                ended.withLock { $0.append("\(context.method) \(status.code)") }
            }
        }
        let watcher = Watcher()
        var router = echoRouter()
        router.interceptors = [watcher]
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                let refused = await failure { _ = try await client.unary("t.Echo/Unary", Text("a"), as: Text.self) }
                #expect(refused?.code == .unauthenticated)
                let options = RPCCallOptions(metadata: ["token": "good"])
                let answer8 = try await client.unary("t.Echo/Unary", Text("a"), options: options, as: Text.self).value
                #expect(answer8 == "a")
                _ = await failure { _ = try await client.unary("t.None/X", Text("a"), as: Text.self) }
            }
        }
        let ended = watcher.ended.withLock { $0 }
        #expect(ended == ["t.Echo/Unary UNAUTHENTICATED", "t.Echo/Unary OK", "t.None/X UNIMPLEMENTED"])
    }
}
