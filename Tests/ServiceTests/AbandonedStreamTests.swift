import CairnClient
import CairnKeyspace
import CairnModel
import CairnProtocol
import CairnRPC
import CairnServer
import CairnTestSupport
import CairnTestWaits
import Foundation
import SwiftProtobuf
import Testing

/// Streams whose readers go away leave nothing in the server: no watch, no task, no memory.
@Suite("Abandoned streams", .timeLimit(.minutes(10)))
struct AbandonedStreamTests {
    /// How a reader goes away.
    enum Way: CaseIterable, Sendable {
        /// It lets go of a stream that it has not read.
        case unread
        /// It lets go of a stream that it has read.
        case dropped
        /// It lets go of a stream in which much waits for it.
        case backlogged
        /// The task that reads is cancelled.
        case cancelled
        /// Its client is closed.
        case closed
        /// Its connection breaks, and it does not come back.
        case cut
    }

    private static let count = 8

    @Test("a watch whose reader goes away is gone from the server, and so is its task", arguments: Way.allCases)
    func watches(_ way: Way) async throws {
        // Loops of their own, as what lives is counted by loops.
        let loops = RPCEventLoops(count: 2)
        try await withServedStore(loops: loops) { served, _ in
            let proxy = try CutProxy(to: served.port)
            var configuration = CairnClient.Configuration()
            configuration.rpc.eventLoops = loops
            let client = try CairnClient(to: [.hostPort("127.0.0.1", proxy.port)], configuration: configuration)
            if way == .backlogged {
                // More than the windows of a stream and a connection let pass.
                let value = Value(bytes: [UInt8](repeating: 7, count: 1 << 20))
                for number in 0..<12 { try await served.store.set(Key("k\(number)"), value) }
            } else {
                try await served.store.set("k", "1")
            }
            let before = loops.live.streams.value
            try await abandon(way, client, served, proxy)
            try await eventually("the watches are gone") {
                served.store.watchCount == 0 && loops.live.streams.value <= before
            }
            // The store goes on, for others.
            var updates = try await served.store.watch(WatchRequest(range: .all)).makeAsyncIterator()
            let written = try await served.store.set("after", "1")
            var seen: [Ref] = []
            while seen.isEmpty, let update = try await updates.next() {
                if case .events(let events) = update { seen = events.map(\.ref) }
            }
            #expect(seen == [written.updatedRef])
            await client.close()
            proxy.close()
        }
        try await eventually("nothing is left of the streams") {
            loops.live.streams.value == 0 && loops.live.sessions.value == 0
        }
        try await loops.shutdown()
    }

    private func abandon(_ way: Way, _ client: CairnClient, _ served: ServedStore, _ proxy: CutProxy) async throws {
        var streams: [WatchStream] = []
        for _ in 0..<AbandonedStreamTests.count {
            streams.append(try await client.watch(WatchRequest(range: .all, start: .ref(1))))
        }
        #expect(served.store.watchCount == AbandonedStreamTests.count)
        switch way {
        case .unread: break
        case .dropped, .backlogged:
            for stream in streams {
                var updates = stream.makeAsyncIterator()
                _ = try await updates.next()
            }
        case .cancelled:
            let readers = streams.map { stream in Task { for try await _ in stream {} } }
            for reader in readers { reader.cancel() }
            for reader in readers { await #expect(throws: StoreError.self) { try await reader.value } }
        case .closed: await client.close()
        case .cut:
            // Nobody reads, so nobody comes back.
            proxy.cut()
            try await eventually("the watches are gone") { served.store.watchCount == 0 }
        }
        // Until here they were held.
        streams = []
    }

    @Test("a Consume that is given up leaves no watch, whichever side of it goes first")
    func consume() async throws {
        let loops = RPCEventLoops(count: 2)
        try await withServedStore(loops: loops) { served, client in
            try await client.set("k", "1")
            let rpc = try RPCClient(
                target: RPCTarget(addresses: [served.address]), configuration: RPCClientConfiguration(eventLoops: loops)
            )
            for endsRequests in [true, false] {
                do {
                    let (requests, responses) = try rpc.bidirectional(
                        "cairn.v1.Consumers/Consume", sending: Cairn_V1_ConsumeRequest.self,
                        as: Cairn_V1_WatchResponse.self)
                    try await requests.write(.with { $0.name = "worker" })
                    var updates = responses.makeAsyncIterator()
                    while let response = try await updates.next(), response.events.isEmpty {}
                    #expect(served.store.watchCount == 1)
                    if endsRequests { requests.finish() }
                    // The answers are let go of in the midst.
                }
                try await eventually("the watches are gone") { served.store.watchCount == 0 }
            }
            await rpc.close()
        }
        try await eventually("nothing is left of the streams") {
            loops.live.streams.value == 0 && loops.live.sessions.value == 0
        }
        try await loops.shutdown()
    }

    @Test("a backup that is given up leaves no file, neither in the server nor at the client")
    func backup() async throws {
        let loops = RPCEventLoops(count: 2)
        try await withServedStore(.sqlite, loops: loops) { served, client in
            let value = Value(bytes: [UInt8](repeating: 7, count: 1 << 20))
            for number in 0..<12 { try await served.store.set(Key("k\(number)"), value) }
            let rpc = try RPCClient(
                target: RPCTarget(addresses: [served.address]), configuration: RPCClientConfiguration(eventLoops: loops)
            )
            do {
                let stream: RPCResponseStream<Cairn_V1_BackupResponse> = try rpc.serverStreaming(
                    "cairn.v1.Maintenance/Backup", Cairn_V1_BackupRequest())
                var pieces = stream.makeAsyncIterator()
                #expect(try await pieces.next()?.data.isEmpty == false)
                #expect(files(in: served.directory).count == 1, "the copy lies there while it is sent")
            }
            try await eventually("the file of the backup is removed") { files(in: served.directory).isEmpty }
            await rpc.close()
            let copy = served.directory + "/copy"
            let download = Task { try await client.backup(toFile: copy) }
            download.cancel()
            let error = await #expect(throws: StoreError.self) { try await download.value }
            #expect(error?.code == .cancelled)
            try await eventually("the file of the backup is removed") { files(in: served.directory).isEmpty }
        }
        try await eventually("nothing is left of the streams") {
            loops.live.streams.value == 0 && loops.live.sessions.value == 0
        }
        try await loops.shutdown()
    }

    /// What lies beside the store's own files.
    private func files(in directory: String) -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? ["?"]
        return all.filter { !$0.hasPrefix("cairn.db") }
    }

    @Test("a server that stops frees the watches of readers who stay, and may be stopped twice")
    func stopping() async throws {
        try await withServedStore { served, client in
            let stream = try await client.watch(WatchRequest(range: .all))
            #expect(served.store.watchCount == 1)
            await served.server.stop()
            try await eventually("the watches are gone") { served.store.watchCount == 0 }
            await served.server.stop()
            _ = consume stream
        }
    }

    @Test("two servers in one process share nothing, and one outlives the other")
    func twoServers() async throws {
        try await withServedStore(.sqlite) { a, first in
            try await withServedStore { b, second in
                // The same refs, keys and versions, so that whatever is kept by them would be mixed up.
                var updates = [
                    try await first.watch(WatchRequest(range: .all)).makeAsyncIterator(),
                    try await second.watch(WatchRequest(range: .all)).makeAsyncIterator(),
                ]
                for number in 1...20 {
                    async let mine = first.set("k", Value("a\(number)"), requestID: .random())
                    async let other = second.set("k", Value("b\(number)"), requestID: .random())
                    let written = try await [mine, other]
                    #expect(written.map(\.updatedRef.rawValue) == [Int64(number), Int64(number)])
                    for (index, name) in ["a", "b"].enumerated() {
                        #expect(try await nextValue(&updates[index]) == Value("\(name)\(number)"))
                    }
                }
                await a.server.stop()
                try await second.set("k", "last")
                #expect(try await nextValue(&updates[1]) == "last")
                #expect(b.store.watchCount == 1)
            }
        }
    }

    private func nextValue(_ updates: inout WatchStream.Iterator) async throws -> Value? {
        while let update = try await updates.next() {
            if case .events(let events) = update { return events.first?.value }
        }
        return nil
    }
}
