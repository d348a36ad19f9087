/// A setting that has another value than before.
package struct SettingsChange: Hashable, Sendable {
    package let setting: Setting
    /// The value before, as it may be shown.
    package let before: String
    /// The value now, as it may be shown.
    package let after: String

    /// What differs between the settings of a running server and those that it has read anew.
    package static func between(_ old: Settings, _ new: Settings) -> [SettingsChange] {
        Setting.all.compactMap { setting in
            let (before, after) = (old[setting].value, new[setting].value)
            guard before != after else { return nil }
            return SettingsChange(
                setting: setting, before: before.map { setting.shown($0) } ?? "none",
                after: after.map { setting.shown($0) } ?? "none")
        }
    }
}

extension Settings {
    /// These settings, with the values of `other` for what a running server can change.
    package func takingReloadable(of other: Settings) -> Settings {
        var settings = self
        for setting in Setting.all where setting.isReloadable { settings.replace(setting, with: other[setting]) }
        return settings
    }
}
