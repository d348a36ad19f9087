internal import Glibc

/// A descriptor that closes itself, and that no other program inherits.
struct Descriptor: ~Copyable {
    let number: Int32

    init(_ number: Int32, of what: String) throws {
        guard number >= 0 else { throw ServerFailure("\(what): \(String(cString: strerror(errno)))") }
        self.number = number
    }

    deinit { close(number) }

    /// A file to read.
    static func reading(_ path: String) throws -> Descriptor {
        try Descriptor(open(path, O_RDONLY | O_CLOEXEC), of: path)
    }

    /// A file to append to, made if it isn't there.
    static func appending(to path: String) throws -> Descriptor {
        try Descriptor(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644), of: path)
    }

    /// A file without a name that holds `text`. Unlike a pipe it can't fill up, so nobody has to empty it in time.
    static func nameless(_ text: String = "") throws -> Descriptor {
        let path = try ServersDirectory.newPath("command")
        let file = try Descriptor(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600), of: path)
        unlink(path)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            // The pointer lives only during the call.
            let count = rest.withUnsafeBytes { write(file.number, $0.baseAddress, $0.count) }
            guard count > 0 else { throw ServerFailure("\(path): \(String(cString: strerror(errno)))") }
            rest = rest.dropFirst(count)
        }
        lseek(file.number, 0, SEEK_SET)
        return file
    }

    /// Everything that the file holds.
    func contents() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let offset = off_t(bytes.count)
            // The pointer lives only during the call.
            let count = buffer.withUnsafeMutableBytes { pread(number, $0.baseAddress, $0.count, offset) }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
