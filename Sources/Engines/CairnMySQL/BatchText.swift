internal import CairnKeyspace
internal import CairnModel
internal import CairnSQL

/// Writes a batch as SQL: pieces of several statements, each no larger than a packet may be, the last with COMMIT.
struct BatchText {
    private let statements: Statements
    private let place: String
    /// Whether the batch must see that its transaction is still the one it began.
    private let isGuarded: Bool
    /// What a packet may hold, without its own few bytes.
    private let packetBytes: Int
    /// What a piece holds before the next one begins; the server needs memory for all of a piece.
    private let pieceBytes: Int
    private var pieces: [SQL] = []

    init(_ statements: Statements, _ server: ServerFacts, place: String) {
        self.statements = statements
        self.place = place
        isGuarded = server.isGalera
        packetBytes = server.maxAllowedPacket - 64
        pieceBytes = min(packetBytes, 8 << 20)
    }

    /// The pieces of a batch.
    consuming func pieces(
        of batch: StoredBatch, from old: Head, _ registration: Registration
    ) throws(StoreError) -> [SQL] {
        let changes = batch.changes
        try add(statements.updateHead(changes.head, from: old))
        try add(rows: changes.events, statements.insertEvents) { $0.row($1) }
        try addRecords(of: batch)
        try addLeases(changes.leases)
        try addLocks(changes.locks)
        try addConsumers(changes.consumers)
        try addResults(changes.results, at: changes.head.time)
        try add(statements.noteBatch(batch.number, of: batch.replica, registration))
        if isGuarded { try add(statements.checkHead(changes.head)) }
        try add(Statements.commit)
        return pieces
    }

    private mutating func add(_ statement: SQL, for key: Key? = nil) throws(StoreError) {
        let size = statement.bytes.count
        guard size <= packetBytes else { throw tooLarge(size, key) }
        if pieces.isEmpty || pieces[pieces.count - 1].bytes.count + size >= pieceBytes {
            pieces.append(statement)
        } else {
            pieces[pieces.count - 1].then(statement)
        }
    }

    /// Adds an INSERT of several rows, as many statements as it takes.
    private mutating func add<Element>(
        rows elements: some Collection<Element>, _ insert: SQL, ending: SQL? = nil,
        _ row: (Statements, Element) -> SQL
    ) throws(StoreError) {
        var statement = insert
        var isEmpty = true
        var key: Key?
        for element in elements {
            let next = row(statements, element)
            if !isEmpty, statement.bytes.count + next.bytes.count + 512 > min(pieceBytes, 1 << 20) {
                if let ending { statement.append(ending) }
                try add(statement, for: key)
                statement = insert
                isEmpty = true
            }
            if !isEmpty { statement.append("," as StaticString) }
            statement.append(next)
            isEmpty = false
            key = (element as? Event)?.key
        }
        if isEmpty { return }
        if let ending { statement.append(ending) }
        try add(statement, for: key)
    }

    /// Stores the records: few of them as rows; of many, or of large ones, the server copies each from the last event
    /// of its key, so that no value is sent twice. Such a copy costs the server as much as some fifteen rows, however
    /// few it is of.
    private mutating func addRecords(of batch: StoredBatch) throws(StoreError) {
        let records = batch.records
        guard records.count > 16 || records.contains(where: { $0.value.bytes.count > 4_096 }) else {
            return try add(rows: records, "\(statements.insertRecords) VALUES", ending: Statements.updateRecords) {
                $0.row($1)
            }
        }
        // The last event of its key is one that no later event of the batch names as the one before it.
        let events = batch.changes.events
        guard let start = events.first?.ref else { return }
        let superseded = Set(events.compactMap(\.previousRef).filter { $0 >= start })
        for some in events.pieces(of: BatchText.eventsAtOnce) {
            guard let first = some.first?.ref, let last = some.last?.ref else { continue }
            let exceptions = superseded.isEmpty ? [] : some.map(\.ref).filter(superseded.contains)
            if exceptions.count == some.count { continue }
            try add(statements.copyRecords(from: first, through: last, except: exceptions))
        }
    }

    /// MariaDB turns longer lists into temporary tables.
    private static let eventsAtOnce = 500

    private mutating func addLeases(_ leases: [LeaseID: Lease?]) throws(StoreError) {
        if leases.isEmpty { return }
        let stored = leases.values.compactMap { $0 }
        try add(rows: stored, statements.insertLeases, ending: Statements.updateLeases) { $0.row($1) }
        let ended = leases.filter { $0.value == nil }.map(\.key).sorted()
        for some in ended.pieces(of: 1_000) { try add(statements.deleteLeases(some)) }
    }

    private mutating func addLocks(_ locks: [Ref: Lock?]) throws(StoreError) {
        if locks.isEmpty { return }
        let stored = locks.values.compactMap { $0 }
        try add(rows: stored, statements.insertLocks, ending: Statements.updateLocks) { $0.row($1) }
        let ended = locks.filter { $0.value == nil }.map(\.key).sorted()
        for some in ended.pieces(of: 1_000) { try add(statements.deleteLocks(some)) }
    }

    private mutating func addConsumers(_ consumers: [String: Consumer?]) throws(StoreError) {
        if consumers.isEmpty { return }
        let stored = consumers.values.compactMap { $0 }
        try add(rows: stored, statements.insertConsumers, ending: Statements.updateConsumers) { $0.row($1) }
        let deleted = consumers.filter { $0.value == nil }.map(\.key)
        for some in deleted.pieces(of: 500) { try add(statements.deleteConsumers(some)) }
    }

    /// A result may be larger than a packet, so it is stored in parts.
    private mutating func addResults(_ results: [RequestID: TransactionResult], at time: Timestamp) throws(StoreError) {
        if results.isEmpty { return }
        var parts: [(id: RequestID, part: Int, result: ArraySlice<UInt8>)] = []
        for (id, result) in results {
            let json = Array(StoredResult.encode(result).utf8)
            for (part, bytes) in json.pieces(of: min(1 << 20, pieceBytes / 4)).enumerated() {
                parts.append((id, part, bytes))
            }
        }
        try add(rows: parts, statements.insertRequests, ending: Statements.updateRequests) {
            $0.row($1.id, at: time, part: $1.part, $1.result)
        }
    }

    private func tooLarge(_ size: Int, _ key: Key?) -> StoreError {
        let needed = size + 64
        let what = key.map { "the value of \($0)" } ?? "a change"
        return StoreError(
            .valueTooLarge,
            """
            \(place): \(what) takes a packet of \(needed) bytes, and the server takes up to \(packetBytes + 64); set \
            its max_allowed_packet to at least \((needed + 1_023) / 1_024 * 1_024)
            """, key: key)
    }
}

extension Collection {
    /// The elements in order, at most `count` at a time.
    func pieces(of count: Int) -> [SubSequence] {
        var pieces: [SubSequence] = []
        var rest = self[...]
        while !rest.isEmpty {
            pieces.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return pieces
    }
}
