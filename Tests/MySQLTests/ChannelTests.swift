import CairnModel
import CairnSQL
import CairnTestServers
import Foundation
import Logging
import Synchronization
import Testing

@testable import CairnMySQL

/// What a channel has heard, and a way to wait for it.
private final class Heard: Sendable {
    private let texts = Mutex<[String]>([])
    private let stream: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func add(_ text: String) {
        texts.withLock { $0.append(text) }
        continuation.yield(text)
    }

    var all: [String] { texts.withLock { $0 } }

    /// Waits until a text has been heard.
    func wait(for text: String) async { for await heard in stream where heard == text { return } }
}

@Suite("MySQL: announcements")
struct ChannelTests {
    private let logger = Logger(label: "test")
    private let token = ChannelToken.random()

    private func channel(
        _ announce: String? = nil, host: String = "127.0.0.1", token: ChannelToken? = nil
    )
        throws -> DatagramChannel
    {
        try DatagramChannel(
            announce: announce, defaultHost: host, token: token ?? self.token, logger: logger)
    }

    @Test("others hear what is sent, and who sends it doesn't", .timeLimit(.minutes(1)))
    func heard() async throws {
        let channels = try (0..<3).map { _ in try channel() }
        let heard = channels.map { channel in
            let heard = Heard()
            channel.start { heard.add($0) }
            return heard
        }
        let replicas = channels.enumerated().map { Replica(number: Int64($0.offset), address: $0.element.address) }
        channels[0].send("0 17 -", to: replicas)
        await heard[1].wait(for: "0 17 -")
        await heard[2].wait(for: "0 17 -")
        channels[2].send("2 18 5", to: replicas)
        await heard[0].wait(for: "2 18 5")
        for channel in channels { channel.stop() }
        #expect(heard[0].all == ["2 18 5"])
    }

    @Test("what isn't of this store isn't heard", .timeLimit(.minutes(1)))
    func strangers() async throws {
        let (ours, sender, stranger) = (try channel(), try channel(), try channel(token: .random()))
        let heard = Heard()
        ours.start { heard.add($0) }
        let target = [Replica(number: 1, address: ours.address)]
        stranger.send("9 1 -", to: target)
        sender.send("", to: target)
        sender.send(String(repeating: "x", count: 201), to: target)
        sender.send(String(repeating: "x", count: 20_000), to: target)
        sender.send(String(repeating: "y", count: 200), to: target)
        await heard.wait(for: String(repeating: "y", count: 200))
        sender.send("1 2 -", to: target)
        await heard.wait(for: "1 2 -")
        for channel in [ours, sender, stranger] { channel.stop() }
        #expect(heard.all.count == 2)
    }

    @Test("addresses may be names, and of the sixth version", .timeLimit(.minutes(1)))
    func names() async throws {
        let sender = try channel()
        sender.start { _ in }
        let named = try channel("localhost:0")
        #expect(named.address.hasPrefix("localhost:") && !named.address.hasSuffix(":0"))
        let heard = Heard()
        named.start { heard.add($0) }
        sender.send("1 1 -", to: [Replica(number: 1, address: named.address)])
        await heard.wait(for: "1 1 -")
        named.stop()
        if let six = try? channel("[::1]:0") {
            let heard = Heard()
            six.start { heard.add($0) }
            sender.send("1 2 -", to: [Replica(number: 1, address: six.address)])
            await heard.wait(for: "1 2 -")
            six.stop()
        }
        // Nothing to be done about these.
        sender.send(
            "1 3 -",
            to: ["", "nowhere", "no-such-host.invalid:5", "127.0.0.1:0", "[::1:5"].map {
                Replica(number: 1, address: $0)
            })
        sender.stop()
    }

    @Test("an address of another host is passed on to us, so its port is bound everywhere")
    func foreignAddress() throws {
        // From the block for documentation: no machine has it.
        let free = try LoopbackPort.reserve()
        let channel = try channel("192.0.2.1:\(free)")
        #expect(channel.address == "192.0.2.1:\(free)")
        let error = #expect(throws: StoreError.self) { try self.channel("192.0.2.1:\(free)") }
        #expect(error?.code == .unsuitableHome)
        #expect(#expect(throws: StoreError.self) { try self.channel("no-such-host.invalid:1") }?.code == .invalidURL)
        channel.stop()
    }

    @Test("a channel stops at once, also twice, and without having been started")
    func stopping() throws {
        try channel().stop()
        let channel = try channel()
        channel.start { _ in }
        channel.stop()
        channel.stop()
        channel.start { _ in }
        channel.send("1 1 -", to: [Replica(number: 1, address: "127.0.0.1:9")])
    }

    @Test("a home's channel is heard on the address of its connection, with the store's token", .needsMariaDB)
    func ofHome() async throws {
        let home = try await FreshStore.home()
        let session = try home.open(.writing)
        _ = try home.prepare(session)
        let channels = [try home.openChannel(logger), try home.openChannel(logger)]
        #expect(channels[0].address.hasPrefix("127.0.0.1:"))
        let heard = Heard()
        channels[0].start { heard.add($0) }
        channels[1].send("5 5 -", to: [Replica(number: 1, address: channels[0].address)])
        await heard.wait(for: "5 5 -")
        for channel in channels { channel.stop() }
        session.close()
    }
}
