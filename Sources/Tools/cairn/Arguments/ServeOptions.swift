import ArgumentParser
import CairnSettings
import Foundation

/// The flags of `cairn serve`, one for each setting. Their help and what they accept are the settings' own.
struct ServeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Read settings from this YAML file. Flags and environment variables go before it. (default: CAIRN_CONFIG)",
            valueName: "file"))
    var config: String?

    @Option(help: .of(.store)) var store: String?
    @Option(help: .of(.readReplica)) var readReplica: String?
    @Flag(inversion: .prefixedNo, help: .of(.readOnly)) var readOnly: Bool?
    @Option(help: .of(.retainEvents)) var retainEvents: String?
    @Option(help: .of(.retainFor)) var retainFor: String?
    @Option(help: .of(.historyLimit)) var historyLimit: String?
    @Option(help: .of(.historyLimitFor)) var historyLimitFor: [String] = []
    @Flag(inversion: .prefixedNo, help: .of(.historyOfEnded)) var historyOfEnded: Bool?
    @Option(help: .of(.maxKeyBytes)) var maxKeyBytes: String?
    @Option(help: .of(.maxValueBytes)) var maxValueBytes: String?
    @Option(help: .of(.minLockDuration)) var minLockDuration: String?
    @Option(help: .of(.maxLockDuration)) var maxLockDuration: String?
    @Option(help: .of(.minLifespan)) var minLifespan: String?
    @Option(help: .of(.maxWaitingWrites)) var maxWaitingWrites: String?
    @Option(help: .of(.maxWatches)) var maxWatches: String?
    @Option(help: .of(.watchBuffer)) var watchBuffer: String?
    @Option(help: .of(.requestWindow)) var requestWindow: String?
    @Option(help: .of(.backupDirectory)) var backupDirectory: String?
    @Option(help: .of(.maxKeys)) var maxKeys: String?
    @Option(help: .of(.pruneAt)) var pruneAt: String?
    @Option(help: .of(.pruneTo)) var pruneTo: String?
    @Option(help: .of(.pruneInterval)) var pruneInterval: String?
    @Option(help: .of(.eagerPruneAt)) var eagerPruneAt: String?
    @Option(help: .of(.eagerPruneTo)) var eagerPruneTo: String?
    @Option(help: .of(.pruneBy)) var pruneBy: String?
    @Option(help: .of(.pruneExempt)) var pruneExempt: [String] = []
    @Option(help: .of(.keyMetrics)) var keyMetrics: String?
    @Option(help: .of(.snapshotTo)) var snapshotTo: String?
    @Option(help: .of(.snapshotName)) var snapshotName: String?
    @Option(help: .of(.snapshotInterval)) var snapshotInterval: String?
    @Option(help: .of(.snapshotKeep)) var snapshotKeep: String?
    @Option(help: .of(.snapshotKeyFile)) var snapshotKeyFile: String?
    @Flag(inversion: .prefixedNo, help: .of(.fresh)) var fresh: Bool?
    @Option(help: .of(.listen)) var listen: [String] = []
    @Option(help: .of(.tlsCert)) var tlsCert: String?
    @Option(help: .of(.tlsKey)) var tlsKey: String?
    @Option(name: .customLong("tls-client-ca"), help: .of(.tlsClientCA)) var tlsClientCA: String?
    @Option(help: .of(.threads)) var threads: String?
    @Option(help: .of(.maxConnections)) var maxConnections: String?
    @Option(help: .of(.maxConcurrentCalls)) var maxConcurrentCalls: String?
    @Option(help: .of(.keepaliveInterval)) var keepaliveInterval: String?
    @Option(help: .of(.keepaliveTimeout)) var keepaliveTimeout: String?
    @Option(help: .of(.maxConnectionIdle)) var maxConnectionIdle: String?
    @Option(help: .of(.maxConnectionAge)) var maxConnectionAge: String?
    @Option(help: .of(.compressFrom)) var compressFrom: String?
    @Option(help: .of(.drainTime)) var drainTime: String?
    @Option(help: .of(.tokens)) var tokens: String?
    @Option(help: .of(.jwtKey)) var jwtKey: String?
    @Option(help: .of(.jwtIssuer)) var jwtIssuer: String?
    @Option(help: .of(.jwtAudience)) var jwtAudience: String?
    @Option(name: .customLong("admin-client-ids"), help: .of(.adminClientIDs)) var adminClientIDs: [String] = []
    @Option(help: .of(.monitor)) var monitor: String?
    @Flag(inversion: .prefixedNo, help: .of(.profiling)) var profiling: Bool?
    @Option(help: .of(.traceTo)) var traceTo: String?
    @Option(help: .of(.traceServiceName)) var traceServiceName: String?
    @Option(help: .of(.traceSample)) var traceSample: String?
    @Option(help: .of(.logLevel)) var logLevel: String?
    @Option(help: .of(.logFormat)) var logFormat: String?
    @Flag(inversion: .prefixedNo, help: .of(.logEvents)) var logEvents: Bool?

    /// Refuses flags with wrong values as a wrong command line, before anything is read.
    func validateFlags() throws {
        let problems = sources.flagProblems
        if !problems.isEmpty { throw ValidationError(problems.map(\.message).joined(separator: "\n")) }
    }

    /// The values of the flags that were given.
    var given: [Setting: [String]] {
        let options: [(Setting, String?)] = [
            (.store, store), (.readReplica, readReplica), (.readOnly, readOnly.map { String($0) }),
            (.retainEvents, retainEvents), (.retainFor, retainFor),
            (.historyLimit, historyLimit), (.historyOfEnded, historyOfEnded.map { String($0) }),
            (.maxWatches, maxWatches), (.watchBuffer, watchBuffer), (.maxKeyBytes, maxKeyBytes),
            (.maxValueBytes, maxValueBytes), (.minLockDuration, minLockDuration), (.maxLockDuration, maxLockDuration),
            (.minLifespan, minLifespan), (.maxWaitingWrites, maxWaitingWrites), (.requestWindow, requestWindow),
            (.backupDirectory, backupDirectory), (.maxKeys, maxKeys), (.pruneAt, pruneAt),
            (.pruneTo, pruneTo), (.pruneInterval, pruneInterval), (.eagerPruneAt, eagerPruneAt),
            (.eagerPruneTo, eagerPruneTo), (.pruneBy, pruneBy), (.keyMetrics, keyMetrics), (.snapshotTo, snapshotTo),
            (.snapshotName, snapshotName),
            (.snapshotInterval, snapshotInterval), (.snapshotKeep, snapshotKeep),
            (.snapshotKeyFile, snapshotKeyFile), (.fresh, fresh.map { String($0) }), (.tlsCert, tlsCert),
            (.tlsKey, tlsKey), (.tlsClientCA, tlsClientCA),
            (.threads, threads), (.maxConnections, maxConnections), (.maxConcurrentCalls, maxConcurrentCalls),
            (.keepaliveInterval, keepaliveInterval), (.keepaliveTimeout, keepaliveTimeout),
            (.maxConnectionIdle, maxConnectionIdle), (.maxConnectionAge, maxConnectionAge),
            (.compressFrom, compressFrom), (.drainTime, drainTime), (.tokens, tokens), (.jwtKey, jwtKey),
            (.jwtIssuer, jwtIssuer), (.jwtAudience, jwtAudience), (.monitor, monitor),
            (.profiling, profiling.map { String($0) }), (.traceTo, traceTo), (.traceServiceName, traceServiceName),
            (.traceSample, traceSample), (.logLevel, logLevel),
            (.logFormat, logFormat), (.logEvents, logEvents.map { String($0) }),
        ]
        var given = Dictionary(
            uniqueKeysWithValues: options.compactMap { setting, text in text.map { (setting, [$0]) } })
        if !listen.isEmpty { given[.listen] = listen }
        if !historyLimitFor.isEmpty { given[.historyLimitFor] = historyLimitFor }
        if !adminClientIDs.isEmpty { given[.adminClientIDs] = adminClientIDs }
        if !pruneExempt.isEmpty { given[.pruneExempt] = pruneExempt }
        return given
    }

    /// Where the settings come from.
    var sources: SettingsSources {
        SettingsSources(flags: given, environment: ProcessInfo.processInfo.environment, config: config)
    }

    /// The settings. Says on standard error what is wrong, and then throws the code for a wrong command line.
    func settings() throws -> Settings {
        do throws(SettingProblems) {
            return try sources.resolve()
        } catch {
            for problem in error.problems { Terminal.complain(problem.message) }
            throw ExitCode.validationFailure
        }
    }
}

extension ArgumentHelp {
    /// The help of a setting's flag.
    fileprivate static func of(_ setting: Setting) -> ArgumentHelp {
        ArgumentHelp(
            "\(setting.flagHelp)", valueName: setting.placeholder.isEmpty ? nil : setting.placeholder)
    }
}
