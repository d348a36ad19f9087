import CairnSettings
import Logging
import Synchronization

/// Where the server's log goes, how, and from which level on; shared by all its loggers, so that it can be changed.
final class LogOutput: Sendable {
    private let levelNumber: Atomic<Int>
    private let isJSON: Atomic<Bool>

    init(_ settings: Settings) {
        levelNumber = Atomic(LogOutput.number(of: settings))
        isJSON = Atomic(settings.text(.logFormat) == "json")
    }

    /// From which level on is logged.
    var level: Logger.Level { Logger.Level.allCases[levelNumber.load(ordering: .relaxed)] }

    /// Takes up the level and the format.
    func take(_ settings: Settings) {
        levelNumber.store(LogOutput.number(of: settings), ordering: .relaxed)
        isJSON.store(settings.text(.logFormat) == "json", ordering: .relaxed)
    }

    private static func number(of settings: Settings) -> Int {
        let level = settings.text(.logLevel).flatMap { Logger.Level(rawValue: $0) } ?? .info
        return Logger.Level.allCases.firstIndex(of: level) ?? 0
    }

    /// Writes a line to standard error.
    func write(_ line: LogLine) {
        Terminal.writeError(isJSON.load(ordering: .relaxed) ? line.json : line.text)
    }
}
