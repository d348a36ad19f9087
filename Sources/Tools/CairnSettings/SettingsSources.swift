internal import Configuration

/// Where settings come from: flags, then the environment, then a file, then the defaults.
package struct SettingsSources: Sendable {
    /// The values of the flags that were given.
    package var flags: [Setting: [String]]
    /// All environment variables.
    package var environment: [String: String]
    /// The `--config` that was given.
    package var configFlag: String?

    /// The variable that names a configuration file.
    package static let configVariable = "CAIRN_CONFIG"
    /// Variables of ours that aren't settings of the server.
    private static let otherVariables = [configVariable, "CAIRN_ADDRESS", "CAIRN_SNAPSHOT_KEY", "CAIRN_TOKEN"]

    /// These sources.
    package init(flags: [Setting: [String]], environment: [String: String], config: String?) {
        self.flags = flags
        self.environment = environment
        configFlag = config
    }

    /// The file to read, if one is named. There is none that is read without being named: what a server does must not
    /// depend on who starts it.
    package var file: String? {
        let named = configFlag ?? environment[SettingsSources.configVariable] ?? ""
        return named.isEmpty ? nil : named
    }

    /// What is wrong with the flags by themselves.
    package var flagProblems: [SettingProblem] {
        let place = flagPlace
        return Setting.all.filter { flags[$0] != nil }.compactMap { setting in
            if case .failure(let problem) = SettingsSources.look(up: setting, in: [place]) { problem } else { nil }
        }
    }

    /// The settings. Reads the file, so it blocks. Throws everything that is wrong, not only the first.
    package func resolve() throws(SettingProblems) -> Settings {
        var problems: [SettingProblem] = []
        var settingsFile: SettingsFile?
        do throws(SettingProblem) {
            settingsFile = try file.map { (path) throws(SettingProblem) in try SettingsFile(path: path) }
        } catch {
            problems.append(error)
        }
        if let settingsFile { problems += SettingsSources.problems(in: settingsFile) }
        var entries: [Setting: Settings.Entry] = [:]
        let places = places(settingsFile)
        for setting in Setting.all {
            switch SettingsSources.look(up: setting, in: places) {
            case .success(let entry): entries[setting] = entry
            case .failure(let problem): problems.append(problem)
            }
        }
        let settings = Settings(entries, warnings: unknownVariables)
        if problems.isEmpty { problems = settings.contradictions }
        guard problems.isEmpty else { throw SettingProblems(problems) }
        return settings
    }

    // MARK: Places

    /// One place to look in, and what a setting is called there.
    private struct Place {
        let values: any ConfigSnapshot
        let key: (Setting) -> AbsoluteConfigKey
        let source: (Setting) -> Settings.Source
        /// What a value's place is called in messages.
        let label: (Setting) -> String
    }

    private var flagPlace: Place {
        let given = flags.map { setting, texts in
            (
                AbsoluteConfigKey([setting.name]),
                ConfigValue(
                    setting.kind == .list ? .stringArray(texts) : .string(texts.last ?? ""), isSecret: setting.isSecret)
            )
        }
        return Place(
            values: InMemoryProvider(name: "flags", values: Dictionary(uniqueKeysWithValues: given)).snapshot(),
            key: { AbsoluteConfigKey([$0.name]) }, source: { .flag($0.flag) }, label: { $0.flag })
    }

    private func places(_ file: SettingsFile?) -> [Place] {
        var places = [
            flagPlace,
            Place(
                // An empty variable is as good as none.
                values: EnvironmentVariablesProvider(environmentVariables: environment.filter { !$0.value.isEmpty })
                    .snapshot(),
                key: { AbsoluteConfigKey(["cairn", $0.name]) }, source: { .environment($0.variable) },
                label: { $0.variable }),
        ]
        if let file, let values = file.values {
            places.append(
                Place(
                    values: values, key: { AbsoluteConfigKey([$0.name]) }, source: { _ in .file(file.path) },
                    label: { "\($0.name) in \(file.path)" }))
        }
        return places
    }

    private static func look(
        up setting: Setting, in places: [Place]
    ) -> Result<Settings.Entry, SettingProblem> {
        for place in places {
            do {
                guard let found = try value(of: setting, in: place) else { continue }
                let value = try found.get()
                return .success(Settings.Entry(value: value, source: place.source(setting)))
            } catch let problem as SettingProblem {
                return .failure(SettingProblem("\(place.label(setting)): \(problem.message)"))
            } catch {
                return .failure(SettingProblem("\(place.label(setting)) must be: \(setting.kind.typeName)"))
            }
        }
        let standard = setting.standard.map { text in
            setting.kind == .list ? setting.kind.value(of: [text]) : setting.kind.value(of: text)
        }
        return .success(Settings.Entry(value: try? standard?.get(), source: .standard))
    }

    /// The value in a place, `nil` if there is none. Throws if what is there has another shape.
    private static func value(
        of setting: Setting, in place: Place
    ) throws -> Result<SettingValue, SettingProblem>? {
        let key = place.key(setting)
        guard setting.kind == .list else {
            guard let text = try place.values.value(forKey: key, type: .string).value?.content.asText else {
                return nil
            }
            return setting.kind.value(of: text).mapError { problem in
                // A text that may hold a password is not repeated.
                if setting.isSecret { return problem }
                let shown = setting.kind == .endpoint ? SecretText.hidden(text) : text
                return SettingProblem("\"\(shown)\" \(problem.message)")
            }
        }
        do {
            return try place.values.value(forKey: key, type: .stringArray).value?.content.asTexts
                .map { setting.kind.value(of: $0) }
        } catch {
            // One value may be written without the list.
            return try place.values.value(forKey: key, type: .string).value?.content.asText
                .map { setting.kind.value(of: [$0]) }
        }
    }

    // MARK: What nobody knows

    /// Names that are no settings, and values that no setting has: the lookups would pass over both.
    private static func problems(in file: SettingsFile) -> [SettingProblem] {
        let known = Setting.all.map(\.name)
        let nested = Setting.all.filter { file.mappings.contains($0.name) }.map { setting in
            SettingProblem("\(setting.name) in \(file.path) must be: \(setting.kind.typeName)")
        }
        return nested
            + file.names.filter { !known.contains($0) }.map { name in
                SettingProblem(
                    "there is no setting \"\(name)\", which \(file.path) sets" + meant(name, among: known))
            }
    }

    /// Variables that begin like ours. Others may set such, as Kubernetes does for a service named `cairn`, so they
    /// stop nothing.
    private var unknownVariables: [SettingProblem] {
        let known = Setting.all.map(\.variable) + SettingsSources.otherVariables
        return environment.keys.filter { $0.hasPrefix("CAIRN_") && !known.contains($0) }.sorted().map { name in
            SettingProblem(
                "the environment variable \(name) is no setting" + SettingsSources.meant(name, among: known))
        }
    }

    private static func meant(_ name: String, among known: [String]) -> String {
        Suggestion.nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
    }
}

/// Everything that is wrong with the configuration.
package struct SettingProblems: Error, Sendable {
    /// One at least.
    package let problems: [SettingProblem]

    init(_ problems: [SettingProblem]) { self.problems = problems }
}

extension ConfigContent {
    fileprivate var asText: String? {
        if case .string(let text) = self { text } else { nil }
    }

    fileprivate var asTexts: [String]? {
        if case .stringArray(let texts) = self { texts } else { nil }
    }
}
