// How long locks and lifespans may be.
extension Setting {
    package static let minLockDuration = Setting(
        "min-lock-duration", .duration(atLeast: 1), otherwise: "a microsecond", "Refuse locks for less than this.",
        placeholder: "duration")
    package static let maxLockDuration = Setting(
        "max-lock-duration", .duration(atLeast: 1), otherwise: "100 years",
        "Refuse locks for more than this; who holds one can extend it.", placeholder: "duration")
    package static let minLifespan = Setting(
        "min-lifespan", .duration(atLeast: 1), otherwise: "a microsecond", "Refuse lifespans shorter than this.",
        placeholder: "duration")
}

extension Settings {
    /// What is wrong between the settings of durations.
    var contradictionsOfDurations: [SettingProblem] {
        let longest = Duration.seconds(100 * 365 * 86_400)
        var problems: [SettingProblem] = []
        for setting in [Setting.minLockDuration, .maxLockDuration, .minLifespan]
        where duration(setting) ?? .zero > longest {
            problems.append(SettingProblem("\(setting.flag) must not be more than 100 years, 36500d"))
        }
        if let least = duration(.minLockDuration), let most = duration(.maxLockDuration), least > most {
            problems.append(SettingProblem("--min-lock-duration must not be more than --max-lock-duration"))
        }
        return problems
    }
}
