import NIOCore

extension RecvByteBufferAllocator where Self == AdaptiveRecvByteBufferAllocator {
    /// Receive buffers from 2 KiB to 128 KiB, as large as the peer's batches turn out to be.
    static var rpc: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 16384, maximum: 131_072)
    }
}
