internal import CairnModel
internal import GRDBSQLite
internal import Synchronization

/// What the header of the WAL-index says: a stamp that every commit of every process changes.
///
/// Bytes 8 to 47 of the header, as SQLite's "WAL-mode File Format" (walformat.html, section 2.1) has them.
struct WALStamp: Hashable, Sendable {
    /// `iChange` in the lower half: grows by one with each commit.
    var change: UInt64 = 0
    /// `mxFrame` in the lower half, `nPage` in the upper.
    var extent: UInt64 = 0
    /// `aFrameCksum`: of all frames of the log, so different for whatever else is the same.
    var frameChecksum: UInt64 = 0
    /// `aSalt`: changes whenever the log starts over.
    var salt: UInt64 = 0
    /// `aCksum`: of all the above.
    var checksum: UInt64 = 0

    /// Whether this is the stamp of the commit that came right after `earlier`.
    func directlyFollows(_ earlier: WALStamp) -> Bool {
        UInt32(truncatingIfNeeded: change) == UInt32(truncatingIfNeeded: earlier.change) &+ 1
    }
}

/// SQLite's shared memory for the write-ahead log of one file, which this reads and never writes.
///
/// The pointer is the one that SQLite itself has mapped: it is asked for through the file's own methods. Opening the
/// `-shm` file here instead would be a trap, because closing any descriptor of a file drops all POSIX locks that the
/// process holds on it, SQLite's among them. The mapping stays where it is for as long as the connection is open in
/// WAL mode.
///
/// A commit writes the second copy of the header, then the first, whose last word is a checksum of the rest; no
/// connection of any process accepts a header whose copies differ. So once anyone can have seen a commit, all words
/// of the first copy are those of that commit or of a later one, and comparing them with the words remembered tells
/// whether anything was committed since. While the words are being written the commit was neither acknowledged nor
/// seen, and either answer is right.
///
/// `@unchecked Sendable`: the memory is only read, as atomic words, and outlives this object's users, because the
/// engine closes the connection last.
final class WALIndex: @unchecked Sendable {
    // `Atomic<UInt64>` has the layout of `UInt64`; this is the one way to tell the compiler that other processes
    // write here.
    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    /// The index of a connection that has read from a file in WAL mode, or `nil` if its VFS shares no memory.
    init?(of database: OpaquePointer) {
        var file: UnsafeMutablePointer<sqlite3_file>?
        let asked = withUnsafeMutablePointer(to: &file) {
            sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, $0)
        }
        guard asked == SQLITE_OK, let file, let methods = file.pointee.pMethods, methods.pointee.iVersion >= 2,
            let map = methods.pointee.xShmMap
        else { return nil }
        var region: UnsafeMutableRawPointer?
        // Region 0 of the size that SQLite uses; 0 for "do not extend": the connection has made it already.
        guard map(file, 0, 32_768, 0, &region) == SQLITE_OK, let region else { return nil }
        words = region.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// The stamp now. Costs five loads.
    func stamp() -> WALStamp {
        // The checksum first: what is loaded after it can't be older than it.
        let checksum = words[5].load(ordering: .acquiring)
        return WALStamp(
            change: words[1].load(ordering: .relaxed),
            extent: words[2].load(ordering: .relaxed),
            frameChecksum: words[3].load(ordering: .relaxed),
            salt: words[4].load(ordering: .relaxed),
            checksum: checksum
        )
    }

    /// How many pages the log holds.
    var frames: Int { Int(UInt32(truncatingIfNeeded: words[2].load(ordering: .relaxed))) }

    /// How many of them have been copied into the file: `nBackfill`, which follows the two copies of the header.
    var copiedFrames: Int { Int(UInt32(truncatingIfNeeded: words[12].load(ordering: .relaxed))) }
}
