import CairnModel
import Testing

@testable import CairnServer

/// W3C's trace context, header by header.
@Suite("Tracing: traceparent and tracestate")
struct TraceParentTests {
    private static let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("a well-formed traceparent names the trace, the span and whether it is sampled")
    func wellFormed() throws {
        let parent = try #require(TraceParent(parents: [TraceParentTests.valid]))
        #expect(
            parent.context
                == TraceContext(
                    traceIDHigh: 0x0AF7_6519_16CD_43DD, traceIDLow: 0x8448_EB21_1C80_319C,
                    spanID: 0xB7AD_6B71_6920_3331, isSampled: true))
        #expect(parent.state.isEmpty)
    }

    @Test(
        "of the flags only the lowest bit counts",
        arguments: [("00", false), ("01", true), ("02", false), ("03", true), ("fe", false), ("ff", true)])
    func flags(_ flags: String, _ isSampled: Bool) throws {
        let parent = try #require(TraceParent(parents: [TraceParentTests.valid.dropLast(2) + flags]))
        #expect(parent.context.isSampled == isSampled)
    }

    @Test(
        "a later version may have more after another dash",
        arguments: ["cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "01-\(valid.dropFirst(3))-more-of-it"])
    func laterVersions(_ text: String) throws {
        #expect(try #require(TraceParent(parents: [text])).context.spanID == 0xB7AD_6B71_6920_3331)
    }

    @Test(
        "a malformed traceparent is none",
        arguments: [
            "", "00", "00-", valid + "-", valid + "-01", valid + "0", String(valid.dropLast()), " " + valid,
            valid + " ",
            // The version that can't be, one that is no number, and a later one that goes on without a dash.
            "ff\(valid.dropFirst(2))", "0g\(valid.dropFirst(2))", "01\(valid.dropFirst(2))0",
            // Nothing but zeros.
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            // Capitals, other letters, other separators.
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
            "00-0af7651916cd43dd8448eb211c80319z-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0.",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
            "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
            // A letter of two bytes in the place of two digits.
            "00-0af7651916cd43dd8448eb211c8031é-b7ad6b7169203331-01",
        ])
    func malformed(_ text: String) {
        #expect(TraceParent(parents: [text]) == nil)
    }

    @Test("several are none, and so is none")
    func several() {
        #expect(TraceParent(parents: [TraceParentTests.valid, TraceParentTests.valid]) == nil)
        #expect(TraceParent(parents: []) == nil)
    }

    @Test(
        "a tracestate is kept as it came; several are joined",
        arguments: [
            ["rojo=00f067aa0ba902b7"], ["rojo=1,congo=t61rcWkgMzE"], ["a=1", "b=2"], ["a=1 , b=2,,c=3\t"],
            ["fw529a3039@dt=FfAaBb,1a@x=y"], ["a-_*/9=! ~"], ["\(String(repeating: "k", count: 256))=v"],
        ])
    func states(_ states: [String]) throws {
        let parent = try #require(TraceParent(parents: [TraceParentTests.valid], states: states))
        #expect(parent.state == states.joined(separator: ","))
    }

    @Test(
        "a malformed tracestate is dropped, and the traceparent is kept",
        arguments: [
            ["nothing"], ["=1"], ["a="], ["A=1"], ["1a=1"], ["a b=1"], ["a=1=2"], ["a=é"], ["a=1,a=2"], ["a=1", "a=1"],
            ["a@=1"], ["@a=1"], ["a@1b=1"], ["a@b@c=1"], ["a@\(String(repeating: "s", count: 15))=1"],
            ["\(String(repeating: "k", count: 257))=v"], ["a=\(String(repeating: "v", count: 257))"],
            [(0..<33).map { "k\($0)=1" }.joined(separator: ",")], [String(repeating: ",", count: 513)],
        ])
    func malformedStates(_ states: [String]) throws {
        let parent = try #require(TraceParent(parents: [TraceParentTests.valid], states: states))
        #expect(parent.state.isEmpty)
    }

    @Test("a share of new traces is taken, by their id")
    func sampling() {
        let ids = SpanIDs()
        let all = (0..<10_000).map { _ in ids.next() }
        #expect(!all.contains(0) && Set(all).count == all.count)
        #expect(all.allSatisfy { SamplingRule(ratio: 1).takes(traceIDLow: $0) })
        #expect(!all.contains { SamplingRule(ratio: 0).takes(traceIDLow: $0) })
        // Of 10,000 that are taken with a chance of a quarter: 2,500, give or take ten times the standard deviation.
        #expect((2_070...2_930).contains(all.count { SamplingRule(ratio: 0.25).takes(traceIDLow: $0) }))
        #expect(SamplingRule(ratio: 7) == SamplingRule(ratio: 1))
    }
}
