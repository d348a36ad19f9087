import Foundation
import Glibc

/// Who calls, unless one says so.
enum ClientIdentity {
    /// `user@host`.
    static let current: String = {
        // The system's name for the host, without asking anybody on the network.
        var name = [CChar](repeating: 0, count: 256)
        let isKnown = gethostname(&name, name.count - 1) == 0
        let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(NSUserName())@\(isKnown && !host.isEmpty ? host : "localhost")"
    }()
}
