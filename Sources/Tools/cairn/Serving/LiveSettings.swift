import Cairn
import CairnServer
import CairnSettings
import Logging
import Synchronization

/// The settings of a running server, and what follows when some of them change.
final class LiveSettings: Sendable {
    private let settings: Mutex<Settings>
    private let output: LogOutput
    private let keyspace: Keyspace
    private let server: CairnServer
    private let events: EventLog
    private let logger: Logger

    init(_ settings: Settings, output: LogOutput, keyspace: Keyspace, server: CairnServer, logger: Logger) {
        self.settings = Mutex(settings)
        self.output = output
        self.keyspace = keyspace
        self.server = server
        events = EventLog(keyspace: keyspace, output: output, logger: logger)
        events.set(isOn: settings.flag(.logEvents))
        self.logger = logger
    }

    /// Takes up what can be changed, and logs what was and what wasn't.
    ///
    /// What needs a restart is told again at each reload until then.
    func take(_ new: Settings) {
        let (changes, current) = settings.withLock { settings in
            let changes = SettingsChange.between(settings, new)
            settings = settings.takingReloadable(of: new)
            return (changes, settings)
        }
        output.take(current)
        keyspace.retention = current.retention
        server.isReadOnly = current.flag(.readOnly)
        events.set(isOn: current.flag(.logEvents))
        for warning in new.warnings { logger.warning("\(warning.message)") }
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
}
