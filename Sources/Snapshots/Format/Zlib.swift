internal import CZlib

/// One chunk's bytes, packed and unpacked by zlib. The unsafe pointers here are the arrays' own, and used only during
/// the calls.
enum Zlib {
    /// The bytes in zlib's form, at its fastest level; `nil` if that would be no shorter.
    static func pack(_ bytes: [UInt8]) -> [UInt8]? {
        var count = uLongf(bytes.count)
        let packed = [UInt8](unsafeUninitializedCapacity: bytes.count) { target, written in
            let code = compress2(target.baseAddress, &count, bytes, uLong(bytes.count), Z_BEST_SPEED)
            written = code == Z_OK ? Int(count) : 0
        }
        return packed.isEmpty || packed.count >= bytes.count ? nil : packed
    }

    /// What was packed, or `nil` unless that has exactly `count` bytes.
    static func unpack(_ bytes: [UInt8], count: Int) -> [UInt8]? {
        // zlib makes at most 1,032 bytes of one: so much need not be set aside for what can't be there.
        guard count <= bytes.count * 1_040 else { return nil }
        var produced = uLongf(count)
        var code: Int32 = Z_OK
        let plain = [UInt8](unsafeUninitializedCapacity: max(count, 1)) { target, written in
            code = uncompress(target.baseAddress, &produced, bytes, uLong(bytes.count))
            written = code == Z_OK ? Int(produced) : 0
        }
        return code == Z_OK && plain.count == count ? plain : nil
    }
}
