import CairnRPC
import NIOCore
import Testing

@Suite("Transport rules")
struct RuleTests {
    /// For calls that mutate, which `#expect` can't hold.
    private func expect<Value: Equatable>(
        _ expected: Value, _ actual: Value, at location: SourceLocation = #_sourceLocation
    ) {
        #expect(actual == expected, sourceLocation: location)
    }

    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("floods: the burst passes, one more does not, and time gives back") func floods() {
        var limits = RPCLimits()
        limits.pings = .init(burst: 3, perSecond: 2)
        var guardian = FloodGuard(limits, now: start)
        for _ in 0..<3 { expect(true, guardian.allows(.ping, now: start)) }
        expect(false, guardian.allows(.ping, now: start))
        expect(true, guardian.allows(.reset, now: start))
        expect(false, guardian.allows(.ping, now: start + .milliseconds(400)))
        expect(true, guardian.allows(.ping, now: start + .milliseconds(900)))
        expect(false, guardian.allows(.ping, now: start + .milliseconds(901)))
        for _ in 0..<3 { expect(true, guardian.allows(.ping, now: start + .seconds(1000))) }
        expect(false, guardian.allows(.ping, now: start + .seconds(1000)))
    }

    @Test("floods: what was earned is spent first, and doesn't wear off") func earnedFrames() {
        var limits = RPCLimits()
        limits.windowUpdates = .init(burst: 1, perSecond: 1)
        var guardian = FloodGuard(limits, now: start)
        guardian.earn(.windowUpdate, 3)
        for _ in 0..<4 { expect(true, guardian.allows(.windowUpdate, now: start)) }
        expect(false, guardian.allows(.windowUpdate, now: start))
        guardian.earn(.windowUpdate, 2)
        for _ in 0..<3 { expect(true, guardian.allows(.windowUpdate, now: start + .seconds(1000))) }
        expect(false, guardian.allows(.windowUpdate, now: start + .seconds(1000)))
    }

    private func timers(_ change: (inout RPCServerConfiguration.Keepalive) -> Void = { _ in }) -> ConnectionTimers {
        var keepalive = RPCServerConfiguration.Keepalive()
        change(&keepalive)
        return ConnectionTimers(limits: RPCLimits(), keepalive: keepalive, now: start)
    }

    @Test("a connection without a handshake is closed in time") func handshake() {
        var timers = timers()
        #expect(timers.nextWake == start + .seconds(10))
        expect([], timers.due(now: start + .milliseconds(9999)))
        let due = timers.due(now: start + .seconds(10))
        #expect(due == [.close("no HTTP/2 preface and SETTINGS in time")])
    }

    @Test("a silent connection is pinged, and closed when it stays silent") func keepalive() {
        var timers = timers()
        expect(true, timers.didShakeHands())
        expect(false, timers.didShakeHands())
        #expect(timers.nextWake == start + .seconds(60))
        expect([.ping], timers.due(now: start + .seconds(60)))
        #expect(timers.nextWake == start + .seconds(80))
        var answered = timers
        answered.didRead(now: start + .seconds(61))
        #expect(answered.nextWake == start + .seconds(121))
        expect([.close("no answer to a keep-alive ping")], timers.due(now: start + .seconds(80)))
    }

    @Test("idle and old connections are drained") func idleAndAge() {
        var timers = timers {
            $0.maxIdle = .seconds(5)
            $0.maxAge = .seconds(30)
            $0.maxAgeGrace = .seconds(7)
        }
        _ = timers.didShakeHands()
        timers.hasCalls(true, now: start + .seconds(1))
        #expect(timers.nextWake == start + .seconds(30))
        timers.hasCalls(false, now: start + .seconds(2))
        #expect(timers.nextWake == start + .seconds(7))
        expect([.drain], timers.due(now: start + .seconds(7)))
        expect([.finishDrain], timers.due(now: start + .seconds(8)))
        expect([.close("calls outlived the connection's age")], timers.due(now: start + .seconds(14)))
    }

    @Test("unfinished headers and stalled writes end a connection") func stalls() {
        var timers = timers { $0.interval = nil }
        _ = timers.didShakeHands()
        #expect(timers.nextWake == nil)
        timers.headersAreOpen(true, now: start + .seconds(1))
        timers.headersAreOpen(true, now: start + .seconds(5))
        #expect(timers.nextWake == start + .seconds(11))
        timers.headersAreOpen(false, now: start + .seconds(6))
        timers.writes(areWaiting: true, moved: false, now: start + .seconds(10))
        timers.writes(areWaiting: true, moved: true, now: start + .seconds(20))
        timers.writes(areWaiting: true, moved: false, now: start + .seconds(30))
        #expect(timers.nextWake == start + .seconds(140))
        timers.writes(areWaiting: false, moved: true, now: start + .seconds(40))
        #expect(timers.nextWake == nil)
    }

    @Test("back-off grows to its limit, with jitter around it") func backoff() {
        let backoff = RPCBackoff()
        func milliseconds(_ failures: Int, _ random: Double) -> Int {
            Int((backoff.delay(failures: failures, random: random) / .milliseconds(1)).rounded())
        }
        #expect(milliseconds(1, 0) == 50)
        #expect(milliseconds(2, 0) == 80)
        #expect(milliseconds(1000, 0) == 5000)
        #expect(milliseconds(1000, 1) == 6000)
        #expect(milliseconds(1000, -1) == 4000)
    }

    @Test("credit waits for the reader, but an unfinished message alone does not") func credit() {
        var credit = InboundCredit()
        credit.receive(100, held: 100)
        expect(100, credit.take())
        credit.receive(50, held: 20)
        credit.enqueue(130)
        #expect(credit.due == -100)
        expect(0, credit.take())
        credit.dequeue(130)
        expect(50, credit.take())
        #expect(credit.due == 0)
    }

    @Test("HTTP statuses and HTTP/2 errors have their codes") func mapping() {
        #expect(RPCStatus.Code.forHTTPStatus(404) == .unimplemented)
        #expect(RPCStatus.Code.forHTTPStatus(503) == .unavailable)
        #expect(RPCStatus.Code.forHTTPStatus(418) == .unknown)
        #expect(RPCStatus.Code.forHTTP2Error(7) == .unavailable)
        #expect(RPCStatus.Code.forHTTP2Error(8) == .cancelled)
        #expect(RPCStatus.Code.forHTTP2Error(0xB) == .resourceExhausted)
        #expect(RPCStatus.Code(rawValue: 17) == nil)
        #expect(RPCStatus.Code(rawValue: 5) == .notFound)
    }

    @Test("what a handler throws becomes a status without internals") func answers() {
        struct Secret: Error {}
        #expect(RPCError.answering(Secret()).code == .unknown)
        #expect(!RPCError.answering(Secret()).message.contains("Secret"))
        #expect(RPCError.answering(CancellationError()).code == .cancelled)
        #expect(RPCError.answering(RPCError(.notFound, "x")) == RPCError(.notFound, "x"))
        #expect(RPCError.answering(RPCError(.ok)).code == .internal)
        #expect(RPCError.answering(RPCError(.notFound, metadata: ["a": "new\nline"])).code == .internal)
    }
}
