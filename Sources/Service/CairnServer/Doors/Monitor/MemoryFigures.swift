internal import CMalloc
internal import Foundation

/// Where the memory of this process is, as the allocator and the kernel see it; everything in bytes.
struct MemoryFigures: Encodable {
    /// What the C library's allocator tells of itself (mallinfo2(3)).
    struct Allocator: Encodable {
        /// Handed out, but for large pieces that are mapped by themselves.
        var inUse = 0
        /// Free within what the allocator has from the system.
        var free = 0
        /// All that it has from the system, but for large pieces.
        var arenas = 0
        /// Large pieces that are mapped by themselves, and how many there are.
        var mapped = 0
        var mappedPieces = 0
        /// What could be given back at the end of the first arena.
        var releasable = 0
    }

    /// What the kernel tells of the process (`/proc/self/status`).
    struct Process: Encodable {
        /// In RAM now, and at most so far.
        var resident = 0
        var residentPeak = 0
        /// The parts of what is resident: heap and stacks, files, shared memory.
        var anonymous = 0
        var files = 0
        var shared = 0
        /// Written to swap.
        var swapped = 0
        /// Mapped, in RAM or not.
        var virtual = 0
    }

    var allocator = Allocator()
    var process = Process()

    /// As it is now. Looks at every arena of the allocator under its lock, and reads a file: a moment, that blocks.
    static var current: MemoryFigures {
        var figures = MemoryFigures()
        var info = CMalloc.mallinfo2(
            arena: 0, ordblks: 0, smblks: 0, hblks: 0, hblkhd: 0, usmblks: 0, fsmblks: 0, uordblks: 0, fordblks: 0,
            keepcost: 0)
        cairn_mallinfo2(&info)
        figures.allocator = Allocator(
            inUse: Int(info.uordblks), free: Int(info.fordblks), arenas: Int(info.arena), mapped: Int(info.hblkhd),
            mappedPieces: Int(info.hblks), releasable: Int(info.keepcost))
        let status = FileManager.default.contents(atPath: "/proc/self/status") ?? Data()
        figures.process = Process(status: String(decoding: status, as: UTF8.self))
        return figures
    }
}

extension MemoryFigures.Process {
    /// Reads the file's lines, such as `VmRSS:     123 kB`.
    fileprivate init(status: String) {
        var bytes: [Substring: Int] = [:]
        for line in status.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count == 3, words[2] == "kB", let count = Int(words[1]) else { continue }
            bytes[words[0].dropLast()] = count * 1_024
        }
        self.init(
            resident: bytes["VmRSS"] ?? 0, residentPeak: bytes["VmHWM"] ?? 0, anonymous: bytes["RssAnon"] ?? 0,
            files: bytes["RssFile"] ?? 0, shared: bytes["RssShmem"] ?? 0, swapped: bytes["VmSwap"] ?? 0,
            virtual: bytes["VmSize"] ?? 0)
    }
}
