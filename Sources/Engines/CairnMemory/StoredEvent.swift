internal import CairnModel
internal import Glibc

/// An event as the engine keeps it: in one piece of memory, which is all that a key costs besides its places in the
/// tables.
///
/// It stands for the record that the event left its key in, too, so key and value exist once, not in a record and an
/// event. A copy is a reference. Made from an event for a few copied bytes, and back for an array or two.
///
/// The memory holds the key, the numbers ([PackedNumbers](PackedNumbers.swift)), the client's id, and the value; of a
/// value longer than ``longestInside`` a reference, so that nobody copies a large one under the engine's lock.
struct StoredEvent: @unchecked Sendable {
    // Unchecked, because nothing changes in the memory once it has been filled, before anybody else can see it.
    // Pointers into it live as long as the object does: whoever has some holds the object meanwhile.
    private let memory: Memory

    /// The longest value that is copied, in bytes.
    static let longestInside = 1_024

    private struct Facts: OptionSet {
        let rawValue: UInt8
        static let endsKey = Facts(rawValue: 1)
        static let hasValue = Facts(rawValue: 2)
        /// The value's place holds a reference to it.
        static let valueIsOutside = Facts(rawValue: 4)
        static let hasPrevious = Facts(rawValue: 8)
    }

    private struct Header {
        let ref: Ref
        let keyCount: UInt32
        let facts: Facts
    }

    /// A value that is too long to be copied. The memory owns a reference to it, as a number, and releases it at its
    /// end.
    private final class OutsideValue {
        let bytes: [UInt8]
        init(_ bytes: [UInt8]) { self.bytes = bytes }
    }

    private final class Memory: ManagedBuffer<Header, UInt8> {
        deinit {
            guard header.facts.contains(.valueIsOutside) else { return }
            let event = StoredEvent.fields(of: self)
            StoredEvent.outsideValue(at: event.valueStart).release()
        }
    }

    /// What stands behind the key.
    private struct Fields {
        var kind: Event.Kind
        var version: Int64
        var createdVersion: Int64
        var createdRef: Ref
        var previousRef: Ref?
        var leaseID: LeaseID
        var lockToken: Ref
        var time: Timestamp
        var transactionIndex: Int32
        var transactionCount: Int32
        var valueKind: Value.Kind
        var valueCount: Int
        var clientStart: UnsafePointer<UInt8>
        var clientCount: Int
        var valueStart: UnsafePointer<UInt8> { clientStart + clientCount }
    }

    /// Copies an event.
    init(_ event: Event) {
        let outside = event.value.flatMap { $0.bytes.count > StoredEvent.longestInside ? OutsideValue($0.bytes) : nil }
        var facts: Facts = event.kind.endsKey ? [.endsKey] : []
        if event.value != nil { facts.insert(.hasValue) }
        if outside != nil { facts.insert(.valueIsOutside) }
        if event.previousRef != nil { facts.insert(.hasPrevious) }
        let header = Header(ref: event.ref, keyCount: UInt32(event.key.bytes.count), facts: facts)

        memory = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16 * PackedNumbers.longest) { numbers in
            guard let start = numbers.baseAddress else { preconditionFailure("there is no memory for 160 bytes") }
            let numberCount = StoredEvent.pack(event, at: start)
            var client = event.clientID
            return client.withUTF8 { client in
                let valueCount = outside == nil ? event.value?.bytes.count ?? 0 : MemoryLayout<UInt>.size
                let made = Memory.create(
                    minimumCapacity: event.key.bytes.count + numberCount + client.count + valueCount,
                    makingHeaderWith: { _ in header })
                made.withUnsafeMutablePointerToElements { place in
                    var place = UnsafeMutableRawPointer(place)
                    func append(_ bytes: UnsafeRawBufferPointer) {
                        guard let from = bytes.baseAddress else { return }
                        place.copyMemory(from: from, byteCount: bytes.count)
                        place += bytes.count
                    }
                    event.key.bytes.withUnsafeBytes(append)
                    append(UnsafeRawBufferPointer(start: start, count: numberCount))
                    append(UnsafeRawBufferPointer(client))
                    if let outside {
                        // Unmanaged, as it lies among bytes; the memory's end releases it.
                        let reference = UInt(bitPattern: Unmanaged.passRetained(outside).toOpaque())
                        place.storeBytes(of: reference, as: UInt.self)
                    } else {
                        event.value?.bytes.withUnsafeBytes(append)
                    }
                }
                return unsafeDowncast(made, to: Memory.self)
            }
        }
    }

    /// Writes the numbers, in the order in which ``fields(of:)`` reads them. Returns how many bytes they take.
    private static func pack(_ event: Event, at start: UnsafeMutablePointer<UInt8>) -> Int {
        var numbers = PackedNumbers.Writer(start)
        let ref = event.ref.rawValue
        numbers.put(Int64(event.kind.rawValue))
        numbers.put(event.version)
        numbers.put(event.version &- event.createdVersion)
        numbers.put(ref &- event.createdRef.rawValue)
        if let previous = event.previousRef { numbers.put(ref &- previous.rawValue) }
        numbers.put(event.leaseID.rawValue)
        numbers.put(event.lockToken.rawValue)
        numbers.put(event.time.rawValue)
        numbers.put(Int64(event.transactionIndex))
        numbers.put(Int64(event.transactionCount))
        if let value = event.value {
            numbers.put(Int64(value.kind.rawValue))
            numbers.put(Int64(value.bytes.count))
        }
        numbers.put(Int64(event.clientID.utf8.count))
        return numbers.count
    }

    private static func fields(of memory: Memory) -> Fields {
        memory.withUnsafeMutablePointers { header, bytes in
            let facts = header.pointee.facts
            let ref = header.pointee.ref.rawValue
            var numbers = PackedNumbers.Reader(UnsafePointer(bytes) + Int(header.pointee.keyCount))
            let kind = Event.Kind(rawValue: Int32(truncatingIfNeeded: numbers.next()))
            let version = numbers.next()
            let createdVersion = version &- numbers.next()
            let createdRef = Ref(ref &- numbers.next())
            let previousRef = facts.contains(.hasPrevious) ? Ref(ref &- numbers.next()) : nil
            let leaseID = LeaseID(numbers.next())
            let lockToken = Ref(numbers.next())
            let time = Timestamp(microseconds: numbers.next())
            let transactionIndex = Int32(truncatingIfNeeded: numbers.next())
            let transactionCount = Int32(truncatingIfNeeded: numbers.next())
            let hasValue = facts.contains(.hasValue)
            let valueKind = hasValue ? Value.Kind(rawValue: Int32(truncatingIfNeeded: numbers.next())) : .bytes
            let valueCount = hasValue ? Int(numbers.next()) : 0
            let clientCount = Int(numbers.next())
            return Fields(
                kind: kind, version: version, createdVersion: createdVersion, createdRef: createdRef,
                previousRef: previousRef, leaseID: leaseID, lockToken: lockToken, time: time,
                transactionIndex: transactionIndex, transactionCount: transactionCount, valueKind: valueKind,
                valueCount: valueCount, clientStart: numbers.place, clientCount: clientCount)
        }
    }

    // Unmanaged, as the reference is the memory's: only the memory's end may release it.
    private static func outsideValue(at place: UnsafePointer<UInt8>) -> Unmanaged<OutsideValue> {
        let reference = UnsafeRawPointer(place).loadUnaligned(as: UInt.self)
        guard let pointer = UnsafeRawPointer(bitPattern: reference) else {
            preconditionFailure("a stored value's reference is zero")
        }
        // Unmanaged: nothing is retained here.
        return Unmanaged.fromOpaque(pointer)
    }

    private func value(_ fields: Fields) -> Value? {
        let facts = memory.header.facts
        guard facts.contains(.hasValue) else { return nil }
        let bytes =
            facts.contains(.valueIsOutside)
            ? StoredEvent.outsideValue(at: fields.valueStart).takeUnretainedValue().bytes
            : Array(UnsafeBufferPointer(start: fields.valueStart, count: fields.valueCount))
        return Value(kind: fields.valueKind, bytes: bytes)
    }
}

extension StoredEvent {
    /// The event's ref.
    var ref: Ref { memory.header.ref }

    /// Whether its key lives after it.
    var isLive: Bool { !memory.header.facts.contains(.endsKey) }

    /// The key, copied.
    var key: Key {
        memory.withUnsafeMutablePointers { header, bytes in
            Key(bytes: Array(UnsafeBufferPointer(start: bytes, count: Int(header.pointee.keyCount))))
        }
    }

    /// The lease that its key lives on after it, or `nil` if the key has ended.
    var leaseOfLiveKey: LeaseID? {
        guard isLive else { return nil }
        return withExtendedLifetime(memory) { StoredEvent.fields(of: memory).leaseID }
    }

    /// The sizes of key and value together, in bytes.
    var size: Int {
        withExtendedLifetime(memory) { Int(memory.header.keyCount) + StoredEvent.fields(of: memory).valueCount }
    }

    /// How its key is ordered beside these bytes: below zero before them, zero if they are the same.
    func orderOfKey(beside other: UnsafeRawBufferPointer) -> Int {
        memory.withUnsafeMutablePointers { header, bytes in
            let count = Int(header.pointee.keyCount)
            if let others = other.baseAddress {
                let order = memcmp(bytes, others, min(count, other.count))
                if order != 0 { return Int(order) }
            }
            return count - other.count
        }
    }

    /// The event, copied.
    var event: Event {
        withExtendedLifetime(memory) {
            let fields = StoredEvent.fields(of: memory)
            let client = UnsafeBufferPointer(start: fields.clientStart, count: fields.clientCount)
            return Event(
                ref: ref, kind: fields.kind, key: key, version: fields.version, value: value(fields),
                leaseID: fields.leaseID, createdRef: fields.createdRef, createdVersion: fields.createdVersion,
                previousRef: fields.previousRef, time: fields.time, clientID: String(decoding: client, as: UTF8.self),
                transactionIndex: fields.transactionIndex, transactionCount: fields.transactionCount,
                lockToken: fields.lockToken)
        }
    }

    /// The record that the event left; without its value's bytes if they are not wanted. A caller who has the key at
    /// hand saves its copy.
    func record(key: Key? = nil, withValue: Bool = true) -> Record {
        withExtendedLifetime(memory) {
            let fields = StoredEvent.fields(of: memory)
            let value = withValue ? value(fields) : nil
            return Record(
                key: key ?? self.key, value: value ?? Value(bytes: []), version: fields.version,
                createdVersion: fields.createdVersion, createdRef: fields.createdRef, updatedRef: ref,
                deletedRef: isLive ? nil : ref, leaseID: fields.leaseID, lockToken: fields.lockToken)
        }
    }

    /// A record whose event is not at hand, as if its last change had been a plain one at no known time.
    init(_ record: Record) {
        self.init(
            Event(
                ref: record.updatedRef, kind: record.isLive ? .updated : .deleted, key: record.key,
                version: record.version, value: record.isLive ? record.value : nil, leaseID: record.leaseID,
                createdRef: record.createdRef, createdVersion: record.createdVersion, previousRef: nil,
                time: Timestamp(microseconds: 0), lockToken: record.lockToken))
    }
}
