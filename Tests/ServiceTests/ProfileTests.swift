import Testing

@testable import CairnServer

/// What the monitor makes of requests for profiles, and of `/proc`.
@Suite("Monitor: profiles")
struct ProfileTests {
    private func page(_ uri: String) -> MonitorAnswer.Page? { try? MonitorAnswer.page(method: "GET", uri: uri).get() }

    @Test("a profile takes 1 to 60 seconds, ten unless told otherwise")
    func seconds() {
        #expect(page("/debug/profile") == .profile(seconds: 10))
        #expect(page("/debug/profile?seconds=1") == .profile(seconds: 1))
        #expect(page("/debug/profile?x=2&seconds=60&y#z") == .profile(seconds: 60))
        for query in ["0", "61", "-1", "1.5", "", "x", "1s", "99999999999999999999"] {
            guard case .failure(let refusal) = MonitorAnswer.page(method: "GET", uri: "/debug/profile?seconds=\(query)")
            else {
                Issue.record("\(query) was taken")
                continue
            }
            #expect(refusal.answer.status == 400 && refusal.answer.body.contains("1 to 60"))
        }
        #expect(page("/debug/profile?seconds") == nil)
        #expect(page("/debug/threads?seconds=0") == .threads)
        #expect(page("/debug") == nil)
    }

    @Test("a thread's line is read, whatever its name")
    func line() throws {
        let rest = "S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 1000 1 1"
        let thread = try #require(ThreadFigures(line: "42 (a) b (c) \(rest)", ticksPerSecond: 100))
        #expect(thread.id == 42 && thread.name == "a) b (c" && thread.state == "sleeping")
        #expect(thread.userSeconds == 2.5 && thread.systemSeconds == 0.5)
        #expect(ThreadFigures(line: "", ticksPerSecond: 100) == nil)
        #expect(ThreadFigures(line: "42 (a) S 1", ticksPerSecond: 100) == nil)
    }

    @Test("a profile is the difference of two readings, the busiest first")
    func difference() throws {
        func thread(_ id: Int, _ user: Int, _ system: Int) throws -> ThreadFigures {
            let line = "\(id) (t\(id)) R 1 1 1 0 -1 4194304 100 0 0 0 \(user) \(system) 0 0 20 0 9 0 1000 1 1"
            return try #require(ThreadFigures(line: line, ticksPerSecond: 100))
        }
        let before = try [thread(1, 100, 0), thread(2, 500, 0), thread(3, 900, 0)]
        let after = try [thread(1, 110, 20), thread(2, 600, 0), thread(4, 7, 0)]
        let profile = ThreadProfile(from: before, to: after, seconds: 2)
        #expect(profile.threads.map(\.id) == [2, 1, 4])
        #expect(profile.threads.map(\.percent) == [50, 15, 3.5])
        #expect(profile.threads[1].userSeconds == 0.1 && profile.threads[1].systemSeconds == 0.2)
        #expect(profile.cpuSeconds == 1.37)
    }
}
