public import CairnModel
internal import Crypto
internal import Foundation

/// The key that snapshots are encrypted with: 16 bytes for AES-128, or 32 for AES-256.
public struct SnapshotKey: Sendable {
    private let key: SymmetricKey

    /// A key of 16 or 32 bytes. Throws ``CairnModel/StoreError/Code/invalidArgument`` for any other number.
    public init(bytes: [UInt8]) throws(StoreError) {
        guard bytes.count == 16 || bytes.count == 32 else {
            throw StoreError(
                .invalidArgument, "a key for snapshots has 16 or 32 bytes, and this one has \(bytes.count)")
        }
        key = SymmetricKey(data: bytes)
    }

    /// The key in a text: 32 or 64 hexadecimal digits, or base64. White space around it doesn't count.
    ///
    /// Throws ``CairnModel/StoreError/Code/invalidArgument``, in words that hold nothing of the text.
    public init(text: String) throws(StoreError) {
        guard let bytes = SnapshotKey.bytes(ofText: text) else {
            throw StoreError(
                .invalidArgument,
                "the key for snapshots can't be read: write 16 or 32 bytes as hexadecimal digits or in base64, such as "
                    + "`openssl rand -base64 32` makes")
        }
        try self.init(bytes: bytes)
    }

    /// The key in a file: as text, or its 16 or 32 bytes as they are.
    ///
    /// Throws ``CairnModel/StoreError/Code/invalidArgument`` if the file can't be read or holds no key.
    public init(file path: String) throws(StoreError) {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
            throw StoreError(.invalidArgument, "\(path): the key for snapshots can't be read from this file")
        }
        // 32 hexadecimal digits are taken for what they say, and not for 32 bytes.
        if let text = String(data: data, encoding: .utf8), let bytes = SnapshotKey.bytes(ofText: text) {
            try self.init(bytes: bytes)
        } else if data.count == 16 || data.count == 32 {
            try self.init(bytes: Array(data))
        } else {
            throw StoreError(
                .invalidArgument,
                "\(path): the file holds no key for snapshots, which is 16 or 32 bytes as they are, in hexadecimal "
                    + "digits or in base64")
        }
    }

    private static func bytes(ofText text: String) -> [UInt8]? {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        if text.utf8.count == 32 || text.utf8.count == 64, text.utf8.allSatisfy({ hexDigit($0) != nil }) {
            let digits = text.utf8.compactMap(hexDigit)
            return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        }
        guard let data = Data(base64Encoded: text), data.count == 16 || data.count == 32 else { return nil }
        return Array(data)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The key of one snapshot, made from this one and the snapshot's salt. So no two snapshots ever use the same key
    /// and number of a chunk together.
    func sealer(salt: [UInt8]) -> ChunkSealer {
        ChunkSealer(
            key: HKDF<SHA256>.deriveKey(
                inputKeyMaterial: key, salt: salt, info: Array("cairn snapshot 1".utf8),
                outputByteCount: key.bitCount / 8))
    }
}

/// Encrypts and decrypts the chunks of one snapshot with AES-GCM. A chunk's number is its nonce; what it says of itself
/// is vouched for too.
struct ChunkSealer: Sendable {
    /// What encryption adds to a chunk.
    static let tagBytes = 16
    fileprivate let key: SymmetricKey

    func seal(_ bytes: [UInt8], index: UInt32, vouchingFor context: [UInt8]) throws(StoreError) -> [UInt8] {
        do {
            let box = try AES.GCM.seal(bytes, using: key, nonce: try nonce(index), authenticating: context)
            return Array(box.ciphertext) + Array(box.tag)
        } catch {
            throw StoreError(.internal, "a snapshot could not be encrypted: \(error)")
        }
    }

    /// What was sealed, or `nil` if it wasn't with this key, number and context.
    func open(_ bytes: [UInt8], index: UInt32, vouchingFor context: [UInt8]) -> [UInt8]? {
        guard bytes.count >= ChunkSealer.tagBytes, let nonce = try? nonce(index),
            let box = try? AES.GCM.SealedBox(
                nonce: nonce, ciphertext: bytes.dropLast(ChunkSealer.tagBytes),
                tag: bytes.suffix(ChunkSealer.tagBytes)),
            let plain = try? AES.GCM.open(box, using: key, authenticating: context)
        else { return nil }
        return Array(plain)
    }

    private func nonce(_ index: UInt32) throws -> AES.GCM.Nonce {
        var bytes = [UInt8](repeating: 0, count: 8)
        bytes.append(littleEndian: index)
        return try AES.GCM.Nonce(data: bytes)
    }
}
