import CairnModel
import CairnRPC
import CairnSettings

/// Where a server listens, as its settings say.
struct ServedAddresses: Sendable {
    let listen: [RPCAddress]
    let monitor: RPCAddress?

    /// Throws ``CairnModel/StoreError/Code/invalidArgument``, naming the setting, for what is no address.
    init(_ settings: Settings) throws(StoreError) {
        listen = try settings.list(.listen).map { (text) throws(StoreError) in
            try ServedAddresses.parse(text, of: .listen)
        }
        monitor = try settings.text(.monitor).map { (text) throws(StoreError) in
            try ServedAddresses.parse(text, of: .monitor)
        }
    }

    private static func parse(_ text: String, of setting: Setting) throws(StoreError) -> RPCAddress {
        do throws(StoreError) {
            return try AddressArgument.parse(text)
        } catch {
            throw StoreError(error.code, "\(setting.flag): \(error.message)")
        }
    }
}
