// Few writes for all the pages of a batch.
//
// SQLite appends each changed page to its write-ahead log with two writes, one for a header of 24 bytes and one for
// the page; for a batch of some dozens of keys those calls cost as much as the sync after them. Nobody may look at
// what was appended before the commit has synced it and moved the shared header of the log. So here what is written
// piece after piece is gathered in memory, and goes to the file in one write when there is no more room for it, or when
// SQLite next asks for anything else of it: the sync that ends the commit, or a read of a page that didn't fit into
// SQLite's cache.
//
// A write that fails is reported by that next call, then. For a commit that is the sync, whose failure undoes the
// batch just as that of a write would.
//
// This takes the place of the file's methods (sqlite.org/c3ref/io_methods.html) for the log of one connection, and
// passes everything on. No other connection, and no other use of SQLite in the process, sees any of it.

internal import GRDBSQLite

/// Puts itself between SQLite and the log of a connection that has read from a file in WAL mode.
///
/// It needs no lock: a connection is used by one thread at a time. What it allocates is freed when SQLite closes the
/// log.
enum GatheredLog {
    /// More than that is written in several pieces. SQLite's own methods for Unix take less than 128 KiB in a call.
    fileprivate static let capacity = 124 << 10

    /// Gathers what `database` writes to its log from now on. Does nothing where there is no log.
    static func install(on database: OpaquePointer) {
        var file: UnsafeMutablePointer<sqlite3_file>?
        let asked = withUnsafeMutablePointer(to: &file) {
            sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, $0)
        }
        guard asked == SQLITE_OK, let file, let original = file.pointee.pMethods else { return }
        let gathered = UnsafeMutablePointer<Gathered>.allocate(capacity: 1)
        gathered.initialize(to: Gathered(original: original))
        // Its first field is what SQLite expects to find there.
        file.pointee.pMethods = UnsafeRawPointer(gathered).assumingMemoryBound(to: sqlite3_io_methods.self)
    }
}

/// The methods that SQLite calls, and what they have gathered.
private struct Gathered {
    /// First, because SQLite's pointer to it is how the methods find the rest.
    private var methods: sqlite3_io_methods
    private let original: UnsafePointer<sqlite3_io_methods>
    // Memory of our own, because SQLite hands out pointers and an array could move; freed in `close`.
    private let buffer = UnsafeMutableRawPointer.allocate(byteCount: GatheredLog.capacity, alignment: 16)
    private var start: sqlite3_int64 = 0
    private var count = 0

    init(original: UnsafePointer<sqlite3_io_methods>) {
        self.original = original
        methods = original.pointee
        methods.xWrite = { Gathered.of($0).pointee.write($0, $1, Int($2), at: $3) }
        methods.xRead = { file, target, count, offset in
            Gathered.of(file).pointee.afterWriting(file) { $0.xRead(file, target, count, offset) }
        }
        methods.xSync = { file, flags in Gathered.of(file).pointee.afterWriting(file) { $0.xSync(file, flags) } }
        methods.xTruncate = { file, size in
            Gathered.of(file).pointee.afterWriting(file) { $0.xTruncate(file, size) }
        }
        methods.xFileSize = { file, size in
            Gathered.of(file).pointee.afterWriting(file) { $0.xFileSize(file, size) }
        }
        methods.xFileControl = { file, operation, argument in
            Gathered.of(file).pointee.afterWriting(file) { $0.xFileControl(file, operation, argument) }
        }
        methods.xClose = { Gathered.close($0) }
    }

    /// What belongs to a file whose methods these are.
    private static func of(_ file: UnsafeMutablePointer<sqlite3_file>?) -> UnsafeMutablePointer<Gathered> {
        // Put there by `install`, as memory of this type.
        UnsafeMutableRawPointer(mutating: UnsafeRawPointer(file!.pointee.pMethods!))
            .assumingMemoryBound(to: Gathered.self)
    }

    // The pointers are SQLite's, and good for the length of the call.
    private mutating func write(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ bytes: UnsafeRawPointer?, _ size: Int, at offset: sqlite3_int64
    ) -> Int32 {
        if offset != start + sqlite3_int64(count) || count + size > GatheredLog.capacity {
            let code = flush(file)
            guard code == SQLITE_OK else { return code }
            guard size <= GatheredLog.capacity else { return original.pointee.xWrite(file, bytes, Int32(size), offset) }
            start = offset
        }
        guard let bytes else { return SQLITE_OK }
        (buffer + count).copyMemory(from: bytes, byteCount: size)
        count += size
        return SQLITE_OK
    }

    private mutating func afterWriting(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ body: (sqlite3_io_methods) -> Int32
    ) -> Int32 {
        let code = flush(file)
        return code == SQLITE_OK ? body(original.pointee) : code
    }

    /// Writes what was gathered. What can't be written is dropped, as the batch it belongs to will be.
    private mutating func flush(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int32 {
        guard count > 0 else { return SQLITE_OK }
        defer {
            start += sqlite3_int64(count)
            count = 0
        }
        return original.pointee.xWrite(file, buffer, Int32(count), start)
    }

    private static func close(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int32 {
        let gathered = of(file)
        let written = gathered.pointee.flush(file)
        let original = gathered.pointee.original
        file?.pointee.pMethods = original
        gathered.pointee.buffer.deallocate()
        gathered.deinitialize(count: 1)
        gathered.deallocate()
        let closed = original.pointee.xClose(file)
        return written == SQLITE_OK ? closed : written
    }
}
