/// The table of the documentation's page on configuration.
package enum SettingsPage {
    /// The table's lines, in Markdown.
    package static var table: [String] {
        ["| setting | values | default | reload | what for |", "|---|---|---|---|---|"]
            + Setting.all.map { setting in
                let standard = setting.standard.map { "`\($0)`" } ?? setting.otherwise ?? "none"
                let name = setting.isSecret ? "`\(setting.name)` (secret)" : "`\(setting.name)`"
                return "| \(name) | \(setting.kind.typeName) | \(standard) | \(setting.isReloadable ? "yes" : "") | "
                    + "\(setting.help) |"
            }
    }
}
