import CairnSecurity
import CairnSettings
import Logging
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// Reads the configuration anew at each SIGHUP.
struct ReloadService: Service, CustomStringConvertible {
    // The log would show every field of it otherwise.
    var description: String { "reload" }
    let live: LiveSettings
    let sources: SettingsSources
    let logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() { await reload() }
    }

    private func reload() async {
        let sources = sources
        do {
            // On a thread for blocking calls, as it reads a file.
            try await live.take(try await NIOThreadPool.singleton.runIfActive { try sources.resolve() })
        } catch let error as SettingProblems {
            for problem in error.problems { logger.error("\(problem.message)") }
            logger.error("configuration not reloaded; what held before holds")
        } catch let error as SecurityProblems {
            for message in error.messages { logger.error("\(message)") }
            logger.error("configuration not reloaded; what held before holds")
        } catch {
            logger.error("configuration not reloaded", metadata: ["error": "\(error)"])
        }
    }
}
