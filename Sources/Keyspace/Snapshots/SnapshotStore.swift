public import CairnModel

/// A place where snapshots are kept. It knows nothing of what is in them.
///
/// Its methods block, and are called by one thread at a time, made for that.
public protocol SnapshotStore: AnyObject, Sendable {
    /// Where it is, for messages; without a password.
    var place: String { get }

    /// Makes the snapshots of a server this process's own, until ``close()`` or its end, whichever way it ends; so that
    /// no two servers write them by turns, each over what the other has kept.
    ///
    /// To be called before they are read or written. Throws ``CairnModel/StoreError/Code/storageBusy`` if they are
    /// another's; and so does ``write(_:_:)`` once they have been taken over.
    func own(_ server: String) throws(StoreError)

    /// The whole snapshots of a server, oldest first.
    func list(of server: String) throws(StoreError) -> [StoredSnapshot]

    /// Keeps the bytes that `fill` puts, under a name that is new.
    ///
    /// When this returns they are durable. When it throws, or the process or the machine ends on the way, there is
    /// nothing of that name, or, if a database's answer to the commit was lost, the whole snapshot; never a part.
    /// Throws what `fill` throws.
    func write(_ name: SnapshotName, _ fill: (any SnapshotSink) throws(StoreError) -> Void) throws(StoreError)

    /// The piece with this number, from 0, of a snapshot; empty past its end. Every piece has ``snapshotPieceBytes``
    /// bytes but the last. Throws ``CairnModel/StoreError/Code/corrupted`` if it can't be read and never will be.
    func read(_ name: SnapshotName, piece number: Int) throws(StoreError) -> [UInt8]

    /// Removes a snapshot. One that isn't there is no error.
    func delete(_ name: SnapshotName) throws(StoreError)

    /// Frees everything. No other call follows.
    func close()
}

/// The size in bytes of the pieces in which snapshots are read.
public let snapshotPieceBytes = 1 << 20

/// Takes the bytes of a snapshot.
public protocol SnapshotSink: AnyObject {
    /// Appends bytes.
    func put(_ bytes: [UInt8]) throws(StoreError)
}

/// A snapshot that is kept somewhere.
public struct StoredSnapshot: Hashable, Sendable {
    /// Its name.
    public var name: SnapshotName
    /// Its size in bytes.
    public var byteCount: Int64

    /// A snapshot with a name and a size.
    public init(name: SnapshotName, byteCount: Int64) {
        self.name = name
        self.byteCount = byteCount
    }
}

/// Collects bytes into pieces of ``snapshotPieceBytes``, for places that keep each by itself.
package final class PiecedSink: SnapshotSink {
    private var buffer: [UInt8] = []
    private var number = 0
    /// How many bytes were put.
    package private(set) var byteCount: Int64 = 0
    private let store: (_ number: Int, _ piece: [UInt8]) throws(StoreError) -> Void

    /// A sink that calls `store` with each piece, numbered from 0.
    package init(_ store: @escaping (_ number: Int, _ piece: [UInt8]) throws(StoreError) -> Void) {
        self.store = store
    }

    package func put(_ bytes: [UInt8]) throws(StoreError) {
        byteCount += Int64(bytes.count)
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(snapshotPieceBytes - buffer.count)
            buffer.append(contentsOf: part)
            rest = rest.dropFirst(part.count)
            if buffer.count == snapshotPieceBytes { try flush() }
        }
    }

    /// Stores what is left. To be called once, after all has been put.
    package func finish() throws(StoreError) {
        if !buffer.isEmpty { try flush() }
    }

    private func flush() throws(StoreError) {
        try store(number, buffer)
        number += 1
        buffer.removeAll(keepingCapacity: true)
    }
}
