/// How an SQLite home is opened. The defaults suit a server with some memory to spare.
public struct SQLiteOptions: Hashable, Sendable {
    /// How much the cache of records may hold; 0 turns it off.
    public var recordCacheBytes: Int
    /// How much of the file the writing connection keeps in memory.
    public var pageCacheBytes: Int
    /// How much of the file each reading connection keeps in memory.
    public var readerPageCacheBytes: Int
    /// How many connections read at the same time; at least one.
    public var readers: Int
    /// How long to wait for another process that writes.
    public var busyTimeout: Duration
    /// The size of the write-ahead log at which it is copied into the file, beside the writing.
    public var checkpointBytes: Int
    /// The size of the write-ahead log at which writing waits until it has been copied.
    public var walBytes: Int

    /// The options of a home that sets none of its own.
    public init() {
        recordCacheBytes = 64 << 20
        pageCacheBytes = 64 << 20
        readerPageCacheBytes = 8 << 20
        readers = 2
        busyTimeout = .seconds(5)
        // A page that changes again before it is copied is copied once; 64 MiB cost a tenth less CPU than 16.
        checkpointBytes = 64 << 20
        walBytes = 256 << 20
    }
}
