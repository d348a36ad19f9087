import CNghttp2

/// gzip (RFC 1952) by zlib: the one message encoding that the transport speaks besides `identity`.
package enum Gzip {
    package enum Failure: Error, Equatable {
        /// The bytes aren't a whole gzip stream.
        case malformed
        /// They would unpack to more than the limit.
        case tooLarge(limit: Int)
    }

    /// Packs `bytes` at zlib's fastest level.
    package static func compress(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var input = Array(bytes)
        var stream = z_stream()
        let windowBits = 15 + 16  // 16 asks zlib for the gzip wrapper.
        let status = deflateInit2_(
            &stream, Z_BEST_SPEED, Z_DEFLATED, Int32(windowBits), 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib has no memory for a stream")
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(input.count)))
        return input.withUnsafeMutableBufferPointer { source in
            [UInt8](unsafeUninitializedCapacity: bound) { target, count in
                // zlib borrows both pointers only until `deflate` returns, within these closures.
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(bound)
                let status = deflate(&stream, Z_FINISH)
                precondition(status == Z_STREAM_END, "deflateBound promised enough room")
                count = bound - Int(stream.avail_out)
            }
        }
    }

    /// Unpacks `bytes`, giving up as soon as the result would exceed `limit`.
    package static func decompress(_ bytes: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
        var input = bytes
        var stream = z_stream()
        let status = inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib has no memory for a stream")
        defer { inflateEnd(&stream) }
        let result = input.withUnsafeMutableBufferPointer { source -> Result<[UInt8], Failure> in
            // zlib borrows the source pointer only within this closure.
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            return inflateAll(&stream, limit: limit)
        }
        return try result.get()
    }

    private static func inflateAll(_ stream: inout z_stream, limit: Int) -> Result<[UInt8], Failure> {
        var output: [UInt8] = []
        let chunkSize = 16 * 1024
        var chunk = [UInt8](repeating: 0, count: chunkSize)
        while true {
            let (status, produced) = chunk.withUnsafeMutableBufferPointer { target -> (Int32, Int) in
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(chunkSize)
                let status = inflate(&stream, Z_NO_FLUSH)
                return (status, chunkSize - Int(stream.avail_out))
            }
            guard output.count + produced <= limit else { return .failure(.tooLarge(limit: limit)) }
            output.append(contentsOf: chunk[..<produced])
            switch status {
            case Z_STREAM_END where stream.avail_in == 0: return .success(output)
            case Z_OK where stream.avail_in > 0 || produced == chunkSize: continue
            default: return .failure(.malformed)
            }
        }
    }
}
