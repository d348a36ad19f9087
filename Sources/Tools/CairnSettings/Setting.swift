/// One thing about `cairn serve` that can be set: by flag, environment variable or configuration file.
///
/// The table of all of them is ``Setting/all``. The flags' help, the checking and the page of the documentation come
/// from it.
package struct Setting: Hashable, Sendable {
    /// The name in the file, such as `log-level`. The flag is `--log-level`, the variable `CAIRN_LOG_LEVEL`.
    package let name: String
    /// What its values are.
    package let kind: SettingKind
    /// The value if it isn't set, as one would write it; `nil` if there is none.
    package let standard: String?
    /// What holds if there is no value, in words.
    package let otherwise: String?
    /// What it is for, in a sentence.
    package let help: String
    /// What stands for the value in the help, such as `file`.
    package let placeholder: String
    /// Whether a running server takes a change up.
    package let isReloadable: Bool
    /// Whether a value may hold a password, which is then never shown.
    package let isSecret: Bool

    init(
        _ name: String, _ kind: SettingKind, standard: String? = nil, otherwise: String? = nil, _ help: String,
        placeholder: String = "", reloadable: Bool = false, secret: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.standard = standard
        self.otherwise = otherwise
        self.help = help
        self.placeholder = placeholder
        isReloadable = reloadable
        isSecret = secret
    }

    /// The flag, such as `--log-level`.
    package var flag: String { "--\(name)" }

    /// The environment variable, such as `CAIRN_LOG_LEVEL`.
    package var variable: String {
        "CAIRN_" + name.uppercased().map { $0 == "-" ? "_" : $0 }
    }

    /// The sentence of the flag's help: what it is for, and what holds if it isn't given.
    package var flagHelp: String {
        guard let value = standard ?? otherwise, kind != .flag else { return help }
        return "\(help) (default: \(value))"
    }

    /// The value as it may be shown.
    package func shown(_ value: SettingValue) -> String { isSecret ? SecretText.hidden(value.text) : value.text }
}
