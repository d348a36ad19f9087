internal import Foundation
internal import Glibc

/// A process and those that it has started.
enum ProcessTree {
    /// Kills all of them before any of them can notice that another is gone, and waits until they are. Blocks.
    ///
    /// PostgreSQL is many processes; killing only the first one lets the others finish what they were doing, which a
    /// crashed machine wouldn't.
    static func kill(_ root: Child) {
        // What is stopped starts no more processes.
        root.signal(SIGSTOP)
        var found: Set<pid_t> = []
        while case let new = descendants(of: root.pid).subtracting(found), !new.isEmpty {
            for pid in new { Glibc.kill(pid, SIGSTOP) }
            found.formUnion(new)
        }
        for pid in found { Glibc.kill(pid, SIGKILL) }
        root.signal(SIGKILL)
        let deadline = ContinuousClock.now + .seconds(20)
        _ = root.wait(atMost: .seconds(20))
        while found.contains(where: isAlive), ContinuousClock.now < deadline { usleep(2_000) }
    }

    /// Every process that `root` or one of its descendants has started.
    static func descendants(of root: pid_t) -> Set<pid_t> {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var children: [pid_t: [pid_t]] = [:]
        for pid in entries.compactMap({ pid_t($0) }) {
            if let parent = fields(of: pid)?.parent { children[parent, default: []].append(pid) }
        }
        var found: Set<pid_t> = []
        var open = [root]
        while let next = open.popLast() {
            for child in children[next] ?? [] where found.insert(child).inserted { open.append(child) }
        }
        return found
    }

    private static func isAlive(_ pid: pid_t) -> Bool {
        guard let state = fields(of: pid)?.state else { return false }
        return state != "Z" && state != "X"
    }

    /// The third and fourth field of `/proc/PID/stat`. The second is the program's name, which may have spaces in it.
    private static func fields(of pid: pid_t) -> (state: Substring, parent: pid_t)? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 1, let parent = pid_t(fields[1]) else { return nil }
        return (fields[0], parent)
    }
}
