/// What there is to tell of a live key at one moment.
public struct KeyInspection: Hashable, Sendable {
    /// The record; without its value unless that was asked for.
    public var record: Record
    /// The size of the value's ``Value/content`` in bytes.
    public var size: Int
    /// The value's ``Value/hash64``.
    public var hash: UInt64
    /// The value's ``Value/contentType`` if it was set with one, otherwise its ``Value/detectedContentType``; `nil` for
    /// an empty value without a type.
    public var contentType: String?
    /// Whether the type was given with the value, rather than told from its bytes.
    public var isContentTypeGiven: Bool
    /// When the key was created; `nil` if that event is no longer kept.
    public var createdAt: Timestamp?
    /// When something last happened to the key; `nil` if that event is no longer kept.
    public var updatedAt: Timestamp?
    /// The lease that the key lives on, without its keys.
    public var lease: LeaseStatus
    /// The lock that the key is under, or `nil`.
    public var lock: LockStatus?

    /// An inspection with each of its fields.
    public init(
        record: Record, size: Int, hash: UInt64, contentType: String?, isContentTypeGiven: Bool, createdAt: Timestamp?,
        updatedAt: Timestamp?, lease: LeaseStatus, lock: LockStatus?
    ) {
        self.record = record
        self.size = size
        self.hash = hash
        self.contentType = contentType
        self.isContentTypeGiven = isContentTypeGiven
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.lease = lease
        self.lock = lock
    }
}

extension Value {
    /// The 64-bit FNV-1a hash of the content: to tell contents apart, not to protect them.
    public var hash64: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in content { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }
}

extension Store {
    /// What there is to tell of a live key, without its value. See ``inspect(_:withValue:clientID:)``.
    public func inspect(_ key: Key) async throws(StoreError) -> KeyInspection? {
        try await inspect(key, withValue: false, clientID: "")
    }
}
