import ArgumentParser
import CairnModel
import CairnRPC
import Foundation

/// An address on the command line: `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `unix:PATH`.
enum AddressArgument {
    /// Where a server listens and a client looks, unless told otherwise.
    static let standard = "127.0.0.1:4747"

    /// The server that a client looks for: the one it was given, else CAIRN_ADDRESS's, else the standard one.
    static func chosen(_ given: String?) -> String {
        let text = given ?? ProcessInfo.processInfo.environment["CAIRN_ADDRESS"] ?? ""
        return text.isEmpty ? standard : text
    }

    /// Reads an address. Throws ``CairnModel/StoreError/Code/invalidArgument``.
    static func parse(_ text: String) throws(StoreError) -> RPCAddress {
        if text.hasPrefix("unix:"), text.count > 5 { return .unix(String(text.dropFirst(5))) }
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else {
            throw StoreError(
                .invalidArgument, "\"\(text)\" is no address; write HOST:PORT, such as \(standard), or unix:PATH")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return .hostPort(host.isEmpty ? "127.0.0.1" : String(host), port)
    }
}
