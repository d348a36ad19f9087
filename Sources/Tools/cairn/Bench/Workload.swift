import ArgumentParser

/// What a benchmark measures.
enum Workload: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// From the start of the server's process until it has answered a read.
    case ready
    /// Sets all keys, many a call.
    case load
    /// Sets a random key.
    case put
    /// Reads a random key.
    case get
    /// Nine reads, then one set, of random keys.
    case mixed
    /// Reads a page of 1,000 keys.
    case list
    /// Sets random keys while one watch reads them all; measured from the set until the watch has it.
    case watch

    /// Whether it runs for a while, with a number of clients.
    var isTimed: Bool { self != .ready && self != .load }

    /// Whether it sets keys.
    var writes: Bool { self != .get && self != .list && self != .ready }

    /// Whether it needs the keys to be there.
    var needsKeys: Bool { isTimed }
}
