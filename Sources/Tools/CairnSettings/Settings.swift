/// The values of all settings, and where each comes from.
package struct Settings: Sendable {
    /// Where a value comes from; what comes first here wins.
    package enum Source: Hashable, Sendable, CustomStringConvertible {
        case flag(String)
        case environment(String)
        case file(String)
        case standard

        /// The source for people: the flag, the variable, the file's path, or `default`.
        package var description: String {
            switch self {
            case .flag(let name), .environment(let name): name
            case .file(let path): path
            case .standard: "default"
            }
        }
    }

    /// A value and where it comes from; without a value where none is set and there is no default.
    package struct Entry: Hashable, Sendable {
        package var value: SettingValue?
        package var source: Source
    }

    private var entries: [Setting: Entry]
    /// What should be looked at, but stops nothing.
    package internal(set) var warnings: [SettingProblem]

    init(_ entries: [Setting: Entry], warnings: [SettingProblem]) {
        self.entries = entries
        self.warnings = warnings
    }

    /// A setting's value and where it comes from.
    package subscript(_ setting: Setting) -> Entry { entries[setting] ?? Entry(value: nil, source: .standard) }

    mutating func replace(_ setting: Setting, with entry: Entry) { entries[setting] = entry }

    /// Whether somebody has set it.
    package func isSet(_ setting: Setting) -> Bool { self[setting].source != .standard }

    /// The value of a setting that is a text, or one of some words.
    package func text(_ setting: Setting) -> String? {
        if case .text(let text)? = self[setting].value { text } else { nil }
    }

    /// The value of a setting that is a list.
    package func list(_ setting: Setting) -> [String] {
        if case .list(let texts)? = self[setting].value { texts } else { [] }
    }

    /// The value of a setting that is a number, also of bytes.
    package func integer(_ setting: Setting) -> Int? {
        if case .integer(let number)? = self[setting].value { number } else { nil }
    }

    /// The value of a setting that is a duration.
    package func duration(_ setting: Setting) -> Duration? {
        if case .duration(let duration)? = self[setting].value { duration } else { nil }
    }

    /// The value of a setting that is a number from 0 to 1.
    package func ratio(_ setting: Setting) -> Double? {
        if case .ratio(let ratio)? = self[setting].value { ratio } else { nil }
    }

    /// The value of a setting that is a yes or no.
    package func flag(_ setting: Setting) -> Bool { self[setting].value == .flag(true) }

    /// What is wrong between settings that are right by themselves.
    var contradictions: [SettingProblem] {
        var problems: [SettingProblem] = []
        if (text(.tlsCert) == nil) != (text(.tlsKey) == nil) {
            problems.append(SettingProblem("give both --tls-cert and --tls-key, or neither"))
        }
        if text(.tlsClientCA) != nil, text(.tlsCert) == nil {
            problems.append(SettingProblem("--tls-client-ca needs --tls-cert and --tls-key"))
        }
        for text in list(.historyLimitFor) where PrefixedNumber(text) == nil {
            problems.append(
                SettingProblem("--history-limit-for \"\(text)\" is no limit, such as config/=20 or config/=all"))
        }
        if flag(.profiling), text(.monitor) == nil {
            problems.append(SettingProblem("--profiling needs --monitor, on whose address the profiles are"))
        }
        if text(.jwtKey) == nil, text(.jwtIssuer) != nil || text(.jwtAudience) != nil {
            problems.append(SettingProblem("--jwt-issuer and --jwt-audience need --jwt-key"))
        }
        let ofSnapshots: [Setting] = [.snapshotName, .snapshotInterval, .snapshotKeep, .snapshotKeyFile]
        if text(.snapshotTo) == nil, flag(.fresh) || ofSnapshots.contains(where: { self[$0].value != nil }) {
            problems.append(
                SettingProblem("--snapshot-name, -interval, -keep, -key-file and --fresh need --snapshot-to"))
        }
        return problems + contradictionsOfPruning + contradictionsOfDurations
    }
}
