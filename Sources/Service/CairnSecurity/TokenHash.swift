internal import Crypto
internal import Foundation

/// The SHA-256 hash of a token: what is kept of it.
package struct TokenHash: Hashable, Sendable {
    /// The 32 bytes.
    let bytes: [UInt8]

    /// The hash of a token.
    package init(of token: String) { bytes = Array(SHA256.hash(data: Data(token.utf8))) }

    /// A hash of 64 hexadecimal digits; `nil` for any other text.
    package init?(hex: String) {
        let digits = Array(hex.utf8)
        guard digits.count == 64 else { return nil }
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: 64, by: 2) {
            guard let high = TokenHash.digit(digits[place]), let low = TokenHash.digit(digits[place + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The hash in 64 hexadecimal digits.
    package var hex: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The first bytes, to find a hash by. That they are told by how long a look-up takes is no harm: nobody can choose
    /// a token by its hash.
    var start: UInt64 { bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }

    /// Whether the hashes are the same, in a time that doesn't depend on where they differ.
    func matches(_ other: TokenHash) -> Bool {
        var difference: UInt8 = 0
        for place in 0..<32 { difference |= bytes[place] ^ other.bytes[place] }
        return difference == 0
    }
}

/// New tokens.
package enum NewToken {
    /// What every token begins with, so that one that was left lying about is known for what it is.
    package static let mark = "cairn_"

    /// A token of 32 random bytes, in letters, digits, `-` and `_`.
    package static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return mark + Base64URL.encode(bytes)
    }
}
