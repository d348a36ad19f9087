import Cairn
import CairnSecurity
import CairnServer
import CairnSettings
import Logging
import NIOPosix
import Synchronization

/// The settings of a running server, and what follows when some of them change.
final class LiveSettings: Sendable {
    private let settings: Mutex<Settings>
    private let output: LogOutput
    private let keyspace: Keyspace
    private let server: CairnServer
    private let access: AccessControl
    private let events: EventLog
    private let logger: Logger

    init(
        _ settings: Settings, output: LogOutput, keyspace: Keyspace, server: CairnServer, access: AccessControl,
        logger: Logger
    ) {
        self.settings = Mutex(settings)
        self.output = output
        self.keyspace = keyspace
        self.server = server
        self.access = access
        events = EventLog(keyspace: keyspace, output: output, logger: logger)
        events.set(isOn: settings.flag(.logEvents))
        self.logger = logger
    }

    /// Takes up what can be changed, and logs what was and what wasn't. The files of tokens, keys and certificates are
    /// read anew; throws ``SecurityProblems`` if they are wrong, and then nothing is changed.
    ///
    /// What needs a restart is told again at each reload until then.
    func take(_ new: Settings) async throws {
        // Where the files are needs a restart; what is in them does not.
        let served = settings.withLock { $0 }
        let policy = try await AccessFiles.policy(served)
        let warnings = try await takeCertificates(served)
        let (changes, current) = settings.withLock { settings in
            let changes = SettingsChange.between(settings, new)
            settings = settings.takingReloadable(of: new)
            return (changes, settings)
        }
        output.take(current)
        keyspace.retention = current.retention
        // Only a changed setting: an admin may have set it otherwise meanwhile.
        if changes.contains(where: { $0.setting == .readOnly }) { server.isReadOnly = current.flag(.readOnly) }
        if let policy {
            access.replace(policy: policy)
            logger.notice("tokens and keys reloaded")
        }
        access.replace(adminClientIDs: current.adminClientIDSet)
        events.set(isOn: current.flag(.logEvents))
        for warning in new.warnings.map(\.message) + warnings { logger.warning("\(warning)") }
        for change in changes {
            let metadata: Logger.Metadata = [
                "setting": "\(change.setting.name)", "from": "\(change.before)", "to": "\(change.after)",
            ]
            if change.setting.isReloadable {
                logger.notice("setting changed", metadata: metadata)
            } else {
                logger.warning("setting needs a restart to change", metadata: metadata)
            }
        }
        logger.notice("configuration reloaded", metadata: ["changes": "\(changes.count)"])
    }

    /// Has new connections served with what the files of certificates hold now. Returns what is to be warned of.
    private func takeCertificates(_ served: Settings) async throws(SecurityProblems) -> [String] {
        guard let tls = TLSFiles.tls(served) else { return [] }
        let warnings = try await TLSFiles.check(served)
        let server = server
        do {
            try await NIOThreadPool.singleton.runIfActive { try server.replace(tls: tls) }
        } catch {
            throw SecurityProblems(["\(error)"])
        }
        logger.notice("certificates reloaded")
        return warnings
    }
}
