public import CairnModel
import Testing

/// A fresh, empty store under test, and a way to move its clock if there is one.
public struct ConformanceStore: Sendable {
    /// The store.
    public let store: any Store
    private let move: (@Sendable (Duration) async throws -> Void)?

    /// A store; `advance` moves its clock, for a store whose clock a test holds.
    public init(_ store: any Store, advance: (@Sendable (Duration) async throws -> Void)? = nil) {
        self.store = store
        move = advance
    }

    /// Moves the store's clock.
    public func advance(by duration: Duration) async throws {
        let move = try #require(move, "this check moves the store's clock; select checks with canDriveTime: false")
        try await move(duration)
    }

    /// Returns when everything is gone whose deadline has passed: it is before any transaction runs.
    func settle() async throws {
        _ = try await store.commit(Transaction(then: []))
    }

    /// The error that `body` throws, or `nil` if it throws none.
    func refusal<Value>(_ body: () async throws(StoreError) -> Value) async -> StoreError? {
        do throws(StoreError) {
            _ = try await body()
            return nil
        } catch {
            return error
        }
    }

    /// The events of the keys that start with `prefix`, from `ref` to the end of the log.
    func events(_ prefix: Key = "", from ref: Ref = 1) async throws -> [Event] {
        try await events(of: WatchRequest(range: KeyRange(prefix: prefix), start: .ref(ref), untilHead: true))
    }

    /// The events that a watch delivers before it ends.
    func events(of request: WatchRequest) async throws -> [Event] {
        var events: [Event] = []
        for try await update in try await store.watch(request) {
            if case .events(let more) = update { events += more }
        }
        return events
    }

    /// The kinds of the events of the keys that start with `prefix`.
    func kinds(_ prefix: Key = "", from ref: Ref = 1) async throws -> [Event.Kind] {
        try await events(prefix, from: ref).map(\.kind)
    }

    /// The keys that a list shows, directories included.
    func keys(_ request: ListRequest) async throws -> [Key] {
        var request = request
        var keys: [Key] = []
        while true {
            let page = try await store.list(request)
            keys += page.entries.map(\.key)
            guard let next = page.next else { return keys }
            request.page = next
        }
    }
}

extension ListPage.Entry {
    /// The key of a record or of a directory.
    var key: Key {
        switch self {
        case .record(let record): record.key
        case .directory(let key): key
        }
    }
}

/// Reads a live stream one event at a time.
struct EventReader {
    private var updates: WatchStream.Iterator
    private var events: ArraySlice<Event> = []
    /// The records that came before the events.
    private(set) var records: [Record] = []
    /// The last progress that was told.
    private(set) var progress: Ref?

    init(_ stream: WatchStream) { updates = stream.makeAsyncIterator() }

    /// The next event, or `nil` at the end of the stream.
    mutating func next() async throws(StoreError) -> Event? {
        while events.isEmpty {
            guard let update = try await updates.next() else { return nil }
            take(update)
        }
        return events.removeFirst()
    }

    /// Reads until the stream says that it has come to `ref`; returns the events up to there.
    mutating func upTo(_ ref: Ref) async throws(StoreError) -> [Event] {
        var found: [Event] = []
        while (progress ?? -1) < ref, (found.last?.ref ?? -1) < ref {
            if let event = events.popFirst() {
                found.append(event)
            } else {
                guard let update = try await updates.next() else { return found }
                take(update)
            }
        }
        return found
    }

    private mutating func take(_ update: WatchUpdate) {
        switch update {
        case .events(let more): events += more
        case .records(let page, _): records += page
        case .progress(let ref): progress = ref
        case .accesses: break
        }
    }
}

extension Value {
    /// `count` bytes that don't repeat soon.
    static func noise(_ count: Int) -> Value {
        var word: UInt64 = 0x9E37_79B9_7F4A_7C15
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            word ^= word << 13
            word ^= word >> 7
            word ^= word << 17
            bytes.append(UInt8(truncatingIfNeeded: word))
        }
        return Value(bytes: bytes)
    }
}
