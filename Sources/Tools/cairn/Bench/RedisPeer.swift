import CairnModel
import CairnRPC
import Foundation
import NIOCore
import NIOPosix

/// Calls a Redis server, one command at a time.
///
/// Its channel lives on the loop on which the client's task runs, as Cairn's connections do, so the load costs the same
/// kind of work for both.
struct RedisPeer: BenchPeer {
    private let channel: any Channel

    init(to address: RPCAddress, on loops: RPCEventLoops) async throws {
        let bootstrap = ClientBootstrap(group: loops.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(RedisReplyDecoder()))
                    try channel.pipeline.syncOperations.addHandler(RedisCallHandler())
                }
            }
        channel =
            switch address {
            case .hostPort(let host, let port): try await bootstrap.connect(host: host, port: port).get()
            case .unix(let path): try await bootstrap.connect(unixDomainSocketPath: path).get()
            }
    }

    func close() async { try? await channel.close().get() }

    func put(_ key: Data, _ value: Data) async throws { _ = try await call([Data("SET".utf8), key, value]) }

    func put(_ pairs: [(key: Data, value: Data)]) async throws {
        _ = try await call([Data("MSET".utf8)] + pairs.flatMap { [$0.key, $0.value] })
    }

    func get(_ key: Data) async throws -> Int? {
        if case .bytes(let count, _) = try await call([Data("GET".utf8), key]) { count } else { nil }
    }

    func list(from: Data, to: Data, limit: Int) async throws -> Int { throw RedisPeer.unsupported("list") }

    func watch(
        from: Data, to: Data, opened: @Sendable () -> Void, deliver: @Sendable (Data) -> Void
    ) async throws {
        throw RedisPeer.unsupported("watch")
    }

    /// Deletes every key with the benchmark's prefix, as Redis knows no ranges.
    func delete(from: Data, to: Data) async throws {
        var cursor = Data("0".utf8)
        repeat {
            let pattern = [UInt8]((BenchData.prefix + "*").utf8)
            guard
                case .list(let parts) = try await call([Data("SCAN".utf8), cursor, Data("MATCH".utf8), Data(pattern)]),
                parts.count == 2,
                case .bytes(_, let next) = parts[0], case .list(let keys) = parts[1]
            else { throw RedisPeer.malformed }
            let found = keys.compactMap { if case .bytes(_, let key) = $0 { Data(key) } else { nil } }
            if !found.isEmpty { _ = try await call([Data("UNLINK".utf8)] + found) }
            cursor = Data(next)
        } while cursor != Data("0".utf8)
    }

    private func call(_ words: [Data]) async throws -> RedisReply {
        var buffer = channel.allocator.buffer(capacity: 64 + words.reduce(0) { $0 + $1.count + 16 })
        buffer.writeString("*\(words.count)\r\n")
        for word in words {
            buffer.writeString("$\(word.count)\r\n")
            buffer.writeBytes(word)
            buffer.writeString("\r\n")
        }
        let promise = channel.eventLoop.makePromise(of: RedisReply.self)
        channel.writeAndFlush(RedisCall(command: buffer, reply: promise), promise: nil)
        let reply = try await promise.futureResult.get()
        if case .failure(let message) = reply { throw StoreError(.internal, "Redis says: \(message)") }
        return reply
    }

    static let malformed = StoreError(.internal, "the server's answer is not what Redis sends")

    private static func unsupported(_ workload: String) -> StoreError {
        StoreError(.unsupported, "Redis has no ranges of keys, so there is no workload \(workload) for it")
    }
}

/// What Redis answers (RESP 2, redis.io/docs/latest/develop/reference/protocol-spec).
enum RedisReply: Sendable {
    case text(String)
    case failure(String)
    case number(Int)
    /// Bytes, and how many there are.
    case bytes(Int, [UInt8])
    case missing
    case list([RedisReply])
}

/// A command, and who waits for its reply.
private struct RedisCall: Sendable {
    var command: ByteBuffer
    var reply: EventLoopPromise<RedisReply>
}

/// Sends commands, and hands the replies to whoever sent them: they come in the order of the commands.
private final class RedisCallHandler: ChannelDuplexHandler {
    typealias InboundIn = RedisReply
    typealias OutboundIn = RedisCall
    typealias OutboundOut = ByteBuffer

    private var waiting = CircularBuffer<EventLoopPromise<RedisReply>>()

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let call = unwrapOutboundIn(data)
        waiting.append(call.reply)
        context.write(wrapOutboundOut(call.command), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        waiting.popFirst()?.succeed(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) { fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
        context.close(promise: nil)
    }

    private func fail(_ error: any Error) { while let reply = waiting.popFirst() { reply.fail(error) } }
}

/// Cuts what comes into replies.
private struct RedisReplyDecoder: ByteToMessageDecoder {
    typealias InboundOut = RedisReply

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        var rest = buffer
        guard let reply = try RedisReplyDecoder.reply(&rest) else { return .needMoreData }
        buffer = rest
        context.fireChannelRead(wrapInboundOut(reply))
        return .continue
    }

    mutating func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        try decode(context: context, buffer: &buffer)
    }

    /// The reply at the beginning; `nil` if it isn't there as a whole.
    private static func reply(_ buffer: inout ByteBuffer) throws -> RedisReply? {
        guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        guard let line = buffer.readString(length: end - buffer.readerIndex + 1), line.utf8.count >= 3,
            line.hasSuffix("\r\n"), let kind = line.first
        else { throw RedisPeer.malformed }
        // The two characters that end a line are one to a String.
        let text = String(line.dropFirst().dropLast())
        switch kind {
        case "+": return .text(text)
        case "-": return .failure(text)
        default: break
        }
        guard let number = Int(text) else { throw RedisPeer.malformed }
        switch kind {
        case ":": return .number(number)
        case "$":
            if number < 0 { return .missing }
            guard buffer.readableBytes >= number + 2, let bytes = buffer.readBytes(length: number) else { return nil }
            buffer.moveReaderIndex(forwardBy: 2)
            return .bytes(number, bytes)
        case "*":
            if number < 0 { return .missing }
            var parts: [RedisReply] = []
            for _ in 0..<number {
                guard let part = try reply(&buffer) else { return nil }
                parts.append(part)
            }
            return .list(parts)
        default: throw RedisPeer.malformed
        }
    }
}
