import CairnRPC
import CairnSecurity
import CairnSettings
import Foundation
import NIOPosix

/// What lets others in without anybody having said so: open addresses, and files that others may read or change.
enum ExposureWarnings {
    /// The warnings for these settings. Looks at files, on a thread for blocking calls.
    static func of(_ settings: Settings, _ addresses: ServedAddresses) async -> [String] {
        let files = (try? await NIOThreadPool.singleton.runIfActive { ofFiles(settings) }) ?? []
        return ofAddresses(settings, addresses) + files
    }

    private static func ofAddresses(_ settings: Settings, _ addresses: ServedAddresses) -> [String] {
        var warnings: [String] = []
        let open = addresses.listen.filter(\.isOnNetwork).map(\.description).joined(separator: ", ")
        if !open.isEmpty {
            let asks = settings.text(.tokens) != nil || settings.text(.jwtKey) != nil
            if !asks, settings.text(.tlsClientCA) == nil {
                warnings.append(
                    "anybody who can reach \(open) may read and change everything: give --tokens, --jwt-key or "
                        + "--tls-client-ca, or listen on 127.0.0.1")
            }
            if settings.text(.tlsCert) == nil {
                warnings.append(
                    "what comes and goes over \(open) can be read and changed on its way"
                        + (asks ? ", tokens too" : "") + ": serve with --tls-cert and --tls-key")
            }
        }
        if settings.flag(.profiling), let monitor = addresses.monitor, monitor.isOnNetwork {
            warnings.append("anybody who can reach \(monitor) can have the server profiled: see --profiling")
        }
        return warnings
    }

    private static func ofFiles(_ settings: Settings) -> [String] {
        var files: [(path: String, isSecret: Bool)] = []
        func add(_ setting: Setting, isSecret: Bool) {
            if let path = settings.text(setting) { files.append((path, isSecret)) }
        }
        add(.tokens, isSecret: false)
        if let path = settings.text(.jwtKey) {
            let bytes = (try? Data(contentsOf: URL(fileURLWithPath: path))).map { Array($0) } ?? []
            files.append((path, JWTKeys.isSecret(bytes)))
        }
        add(.tlsCert, isSecret: false)
        add(.tlsKey, isSecret: true)
        add(.tlsClientCA, isSecret: false)
        add(.snapshotKeyFile, isSecret: true)
        if let file = settings.file { files.append((file, settings.hidesSomething(from: file))) }
        return files.compactMap { FileAccess.warning(of: $0.path, isSecret: $0.isSecret) }
    }
}

/// Who may read and change a file, by its mode.
enum FileAccess {
    /// What is to be warned of; `nil` for a file that its owner alone may change and, if it is secret, that not
    /// everybody may read. A group is taken for people who may know: containers get their secrets that way.
    static func warning(of path: String, isSecret: Bool) -> String? {
        // What a link leads to is what is read.
        let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: real),
            attributes[.type] as? FileAttributeType == .typeRegular,
            let permissions = (attributes[.posixPermissions] as? NSNumber)?.intValue
        else { return nil }
        let mode = permissions & 0o777
        let others = [isSecret && mode & 0o004 != 0 ? "read" : nil, mode & 0o022 != 0 ? "changed" : nil]
            .compactMap { $0 }
        guard !others.isEmpty else { return nil }
        let digits = String(mode, radix: 8)
        return "\(path) can be \(others.joined(separator: " and ")) by others, as its mode is \(digits): "
            + "chmod \(isSecret ? "600" : "644") it"
    }
}

extension Settings {
    /// The file that some of them come from.
    fileprivate var file: String? {
        Setting.all.lazy.compactMap { setting in
            if case .file(let path) = self[setting].source { path } else { nil }
        }.first
    }

    /// Whether a value that comes from the file has a part that isn't shown.
    fileprivate func hidesSomething(from file: String) -> Bool {
        Setting.all.contains { setting in
            guard setting.isSecret, self[setting].source == .file(file), let value = self[setting].value else {
                return false
            }
            return setting.shown(value) != value.text
        }
    }
}

extension RPCAddress {
    /// Whether others than this machine may reach it, as far as its name tells.
    fileprivate var isOnNetwork: Bool {
        guard case .hostPort(let host, _) = self else { return false }
        return !(host.hasPrefix("127.") || host == "::1" || host == "localhost")
    }
}
