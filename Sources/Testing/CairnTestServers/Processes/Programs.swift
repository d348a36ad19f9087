internal import Foundation
internal import Glibc

/// Programs, and the accounts under which servers run.
enum Programs {
    /// Where a program is: in the `PATH`, where servers are on Debian, or in `folders`.
    static func path(of name: String, in folders: [String] = []) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let all = folders + path.split(separator: ":").map(String.init) + ["/usr/bin", "/usr/sbin", "/sbin"]
        return all.lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// Says why the programs can't be run: which one isn't there, and what to install.
    static func reasonToSkip(programs: [String], in folders: [String] = [], package: String) -> String? {
        for name in programs where path(of: name, in: folders) == nil {
            return "there is no \(name) here: install Debian's \(package) (make deps-test)"
        }
        return nil
    }
}

/// The account that a server runs under, as the servers refuse to be root.
struct Account: Sendable {
    let name: String
    let user: uid_t
    let group: gid_t

    /// The account of that name if this process is root; nil if it isn't, as it then runs servers as itself.
    static func toRun(as name: String) throws -> Account? {
        guard geteuid() == 0 else { return nil }
        // The record is C's own, a pointer that is good until the next call, and copied at once.
        guard let entry = getpwnam(name)?.pointee else {
            throw ServerFailure("there is no account \(name) to run the server under, and it refuses to run as root")
        }
        return Account(name: name, user: entry.pw_uid, group: entry.pw_gid)
    }

    /// Says why the account can't be used; nil if it can.
    static func reasonToSkip(_ name: String) -> String? {
        do {
            _ = try toRun(as: name)
            return nil
        } catch { return "\(error)" }
    }
}

extension Account? {
    /// The command, run under this account. It becomes the command, so the process is the server's own.
    func command(_ command: [String]) -> [String] {
        guard let self else { return command }
        return ["setpriv", "--reuid=\(self.user)", "--regid=\(self.group)", "--clear-groups", "--"] + command
    }

    /// Gives the file or directory to this account.
    func own(_ path: String) throws {
        guard let self else { return }
        guard chown(path, self.user, self.group) == 0 else {
            throw ServerFailure("\(path) can't be given to \(self.name): \(String(cString: strerror(errno)))")
        }
    }
}
