internal import Glibc

// The guardian of a directory: a small shell process that holds one end of a pair of sockets.
//
// When the process that holds the other end ends, however it ends, the kernel closes that end, and the guardian kills
// whatever still works in the directory, and removes it. Servers work in their data directories, so they can be told
// from any other process without having kept their numbers, and what they have started themselves is found too. The
// signal that Linux sends to a child whose parent dies would be no substitute: it is sent when the *thread* ends that
// started the child, and the children of the child don't get it.

/// Sees to it that nothing is left of a directory, nor of what works in it, when this process ends.
struct DirectoryGuardian: Sendable {
    private let child: Child
    private let link: Int32

    /// Watches over `path`. If `keepsFiles`, only what works in it ends.
    init(of path: String, keepsFiles: Bool = false) throws {
        var ends: [Int32] = [0, 0]
        // Unlike a pipe, it can be made so that no program that another thread starts in this moment inherits it.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ServerFailure("no pair of sockets: \(String(cString: strerror(errno)))")
        }
        link = ends[1]
        let reader = try Descriptor(ends[0], of: "a pair of sockets")
        let nowhere = try Descriptor(open("/dev/null", O_WRONLY | O_CLOEXEC), of: "/dev/null")
        let streams = Child.Streams(input: reader.number, output: nowhere.number, errors: nowhere.number)
        // In a session of its own: what ends the tests with a signal to their whole job must not end it.
        let command = ["setsid", "sh", "-c", DirectoryGuardian.script, "guardian", path, keepsFiles ? "keep" : ""]
        child = try Child(command, streams: streams, directory: "/", ownGroup: false)
    }

    /// Has it do its work now, and waits for that. To be called once. Blocks.
    func finish() {
        close(link)
        _ = child.wait(atMost: .seconds(20))
    }

    // PostgreSQL keeps the number of a shared memory segment in its lock file's seventh line; nobody else would free
    // it.
    private static let script = """
        read -r line
        pass=0
        while [ $pass -lt 100 ]; do
            pass=$((pass + 1)) found=
            for link in /proc/[0-9]*/cwd; do
                case "$(readlink "$link" 2>/dev/null)" in
                    "$1"/*) link="${link#/proc/}"; kill -9 "${link%/cwd}"; found=1 ;;
                esac
            done
            if [ -z "$found" ]; then
                for lock in "$1"/*/data/postmaster.pid; do
                    [ -f "$lock" ] && ipcrm -m "$(sed -n '7s/.* //p' "$lock")"
                done
                [ -n "$2" ] || rm -rf "$1"
                exit 0
            fi
            sleep 0.05
        done
        """
}
