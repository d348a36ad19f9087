import CairnModel
import CairnProtocol
import CairnRPC
import CairnWire
import SwiftProtobuf

/// A call of any method, whatever its messages are and however it streams: to HTTP/2 they are all the same.
struct MethodCall: Sendable {
    let method: String
    let requests: [Cairn_V1_StatsRequest]

    /// A call with these requests.
    init(_ method: String, _ requests: [any Message]) throws {
        // A message keeps what it knows nothing of, so one without fields carries any other.
        let carriers = try requests.map { try Cairn_V1_StatsRequest(serializedBytes: $0.serializedBytes() as [UInt8]) }
        self.init(method, carrying: carriers)
    }

    /// A call with encoded requests.
    init(_ method: String, carrying requests: [Cairn_V1_StatsRequest]) {
        self.method = method
        self.requests = requests
    }

    /// Makes the call. Returns after its first response, or its end if `untilEnd` says so; throws what it failed with.
    func run(on rpc: RPCClient, untilEnd: Bool, options: RPCCallOptions = RPCCallOptions()) async throws {
        let (writer, responses) = try rpc.bidirectional(
            method, options: options, sending: Cairn_V1_StatsRequest.self, as: Cairn_V1_StatsRequest.self)
        var answers = responses.makeAsyncIterator()
        do {
            for request in requests { try await writer.write(request) }
            writer.finish()
        } catch {
            // The server may have answered before it had read all, and its answer is what counts.
        }
        while try await answers.next() != nil, untilEnd {}
    }

    /// The reason that the call fails with, or `nil`.
    func refusal(on rpc: RPCClient, untilEnd: Bool) async throws -> StoreError? {
        do {
            try await run(on: rpc, untilEnd: untilEnd)
            return nil
        } catch let error as RPCError {
            return StoreError(error)
        }
    }
}
