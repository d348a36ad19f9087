import Foundation

/// The calls of a benchmark over one connection, as one kind of server takes them.
protocol BenchPeer: Sendable {
    /// Sets a key; returns when the server has answered.
    func put(_ key: Data, _ value: Data) async throws
    /// Sets many keys with one call.
    func put(_ pairs: [(key: Data, value: Data)]) async throws
    /// Reads a key, linearizably; returns how many bytes its value has, or `nil` if it doesn't exist.
    func get(_ key: Data) async throws -> Int?
    /// Reads the first `limit` keys of a range with their values; returns how many there were.
    func list(from: Data, to: Data, limit: Int) async throws -> Int
    /// Hands on the values that are set in a range, until cancelled. Calls `opened` when nothing can be missed any
    /// more.
    func watch(
        from: Data, to: Data, opened: @Sendable () -> Void, deliver: @Sendable (Data) -> Void
    ) async throws
    /// Brings a server that has just been written to back to rest, before its reads are measured.
    func settle() async throws
    /// Deletes the keys of a range.
    func delete(from: Data, to: Data) async throws
    /// Closes the connection.
    func close() async
}

extension BenchPeer {
    func settle() async throws {}
}

/// A benchmark's keys and values.
struct BenchData: Sendable {
    /// Everything that a benchmark writes is below this.
    static let prefix = "bench/"
    /// The end of the range of the keys with that prefix: `0` follows `/`.
    static let end = Data("bench0".utf8)

    let keyCount: Int
    let keyBytes: Int
    let valueBytes: Int

    /// The key of a number: the prefix and the number, padded with zeros to the keys' size.
    func key(_ number: Int) -> Data {
        var bytes = [UInt8](repeating: UInt8(ascii: "0"), count: keyBytes)
        for (index, byte) in BenchData.prefix.utf8.enumerated() { bytes[index] = byte }
        var rest = number
        var position = keyBytes
        while rest > 0 {
            position -= 1
            bytes[position] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        return Data(bytes)
    }

    /// A value of random bytes, so that nothing gains by compressing it.
    func value(_ generator: inout BenchGenerator) -> Data {
        Data((0..<valueBytes).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
    }

    /// The shortest keys that `count` different ones fit in.
    static func leastKeyBytes(_ count: Int) -> Int { prefix.utf8.count + String(max(0, count - 1)).count }
}

/// Random numbers at the cost of a few instructions (SplitMix64); the system's cost a system call.
struct BenchGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
