import CairnRPC
import CairnTestWaits
import SwiftProtobuf
import Synchronization
import Testing

@Suite("Answers without a task", .timeLimit(.minutes(10)))
struct DeferredTests {
    /// What a method has taken and not answered yet.
    private final class Owed: Sendable {
        private let replies = Mutex<[RPCReply]>([])
        let came = Signal("the call has come")

        func take(_ reply: RPCReply) {
            replies.withLock { $0.append(reply) }
            came.set()
        }

        func answer(_ make: @escaping @Sendable () throws -> EncodedMessage) {
            let owed = replies.withLock { replies in
                defer { replies = [] }
                return replies
            }
            for reply in owed { reply.send(make) }
        }
    }

    /// A router whose method takes every request that is not empty, and has a handler for the rest.
    private static func router(_ owed: Owed) -> RPCRouter {
        var router = RPCRouter()
        router.unary(
            "t.T/Later",
            deferred: { request, _, reply in
                guard request.byteCount > 0 else { return false }
                owed.take(reply)
                return true
            }, { (request: Text, _: RPCContext) async throws in try EncodedMessage(Text("by the handler")) })
        return router
    }

    @Test("what is taken is answered later, from any thread, and what is declined goes to the handler")
    func answers() async throws {
        let owed = Owed()
        try await withServer(Self.router(owed)) { server in
            try await withClient(server.addresses) { client in
                let later = Task { try await client.unary("t.T/Later", Text("x"), as: Text.self) }
                try await owed.came.wait()
                let declined = try await client.unary("t.T/Later", Text(""), as: Text.self)
                #expect(declined.value == "by the handler")
                owed.answer { try EncodedMessage(Text("later")) }
                let answer = try await later.value
                #expect(answer.value == "later")
            }
        }
    }

    @Test("what is thrown becomes the status") func throwing() async throws {
        let owed = Owed()
        try await withServer(Self.router(owed)) { server in
            try await withClient(server.addresses) { client in
                let later = Task { try await client.unary("t.T/Later", Text("x"), as: Text.self) }
                try await owed.came.wait()
                owed.answer { throw RPCError(.failedPrecondition, "not now") }
                let error = await failure { _ = try await later.value }
                #expect(error?.code == .failedPrecondition)
                #expect(error?.message == "not now")
            }
        }
    }

    @Test("an answer that comes after the client has gone is dropped") func tooLate() async throws {
        let owed = Owed()
        try await withServer(Self.router(owed)) { server in
            try await withClient(server.addresses) { client in
                let later = Task { try await client.unary("t.T/Later", Text("x"), as: Text.self) }
                try await owed.came.wait()
                later.cancel()
                let error = await failure { _ = try await later.value }
                #expect(error?.code == .cancelled)
                // On the same connection, so the server knows of the cancellation when this is answered.
                _ = try await client.unary("t.T/Later", Text(""), as: Text.self)
                let isMade = Signal("the answer is made")
                owed.answer {
                    isMade.set()
                    return try EncodedMessage(Text("too late"))
                }
                try await isMade.wait()
                let next = try await client.unary("t.T/Later", Text(""), as: Text.self)
                #expect(next.value == "by the handler")
            }
        }
    }

    @Test("a deadline ends a call that is still owed its answer") func deadline() async throws {
        let owed = Owed()
        try await withServer(Self.router(owed)) { server in
            try await withClient(server.addresses) { client in
                let error = await failure {
                    let options = RPCCallOptions(timeout: .milliseconds(50))
                    _ = try await client.unary("t.T/Later", Text("x"), options: options, as: Text.self)
                }
                #expect(error?.code == .deadlineExceeded)
                owed.answer { try EncodedMessage(Text("too late")) }
            }
        }
    }

    /// Remembers the metadata of calls that had a task, and admits calls that show the same.
    private struct Remembering: RPCServerInterceptor {
        final class Shown: Sendable {
            let text: String?

            init(_ text: String?) { self.text = text }
        }

        func intercept(_ context: RPCContext, next: @Sendable () async throws -> Void) async throws {
            context.remembered = Shown(context.metadata["shown"])
            try await next()
        }

        func admits(_ call: RPCDirectCall) -> Bool {
            guard let shown = call.remembered as? Shown, call.metadata["shown"] == shown.text else { return false }
            call.finding = shown
            return call.method == "t.T/Find"
        }
    }

    @Test("an interceptor admits calls by what it remembers, and tells the method what it has found")
    func admitted() async throws {
        var router = RPCRouter()
        for method in ["t.T/Find", "t.T/Other"] {
            router.unary(
                method,
                deferred: { _, call, reply in
                    let text = (call.finding as? Remembering.Shown)?.text ?? "nothing"
                    reply.send { try EncodedMessage(Text("found \(text)")) }
                    return true
                }, { (request: Text, _: RPCContext) async throws in try EncodedMessage(Text("by the handler")) })
        }
        router.interceptors = [Remembering()]
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                func ask(_ shown: String, _ method: String = "t.T/Find") async throws -> String {
                    let options = RPCCallOptions(metadata: ["shown": shown])
                    return try await client.unary(method, Text("x"), options: options, as: Text.self).value
                }
                for (shown, answer) in [
                    ("a", "by the handler"), ("a", "found a"), ("b", "by the handler"), ("a", "by the handler"),
                    ("a", "found a"),
                ] {
                    let found = try await ask(shown)
                    #expect(found == answer)
                }
                let other = try await ask("a", "t.T/Other")
                #expect(other == "by the handler")
            }
            try await withClient(server.addresses) { client in
                let options = RPCCallOptions(metadata: ["shown": "a"])
                let first = try await client.unary("t.T/Find", Text("x"), options: options, as: Text.self)
                #expect(first.value == "by the handler", "another connection remembers nothing")
            }
        }
    }

    @Test("where there are interceptors, the handler has every call") func interceptors() async throws {
        struct Passing: RPCServerInterceptor {
            func intercept(_ context: RPCContext, _ next: () async throws -> Void) async throws { try await next() }
        }
        let owed = Owed()
        var router = Self.router(owed)
        router.interceptors = [Passing()]
        try await withServer(router) { server in
            try await withClient(server.addresses) { client in
                let answer = try await client.unary("t.T/Later", Text("x"), as: Text.self)
                #expect(answer.value == "by the handler")
                #expect(!owed.came.isSet)
            }
        }
    }
}
