// How many keys there may be, and what goes when they are too many.
extension Setting {
    package static let maxKeys = Setting(
        "max-keys", .integer(1...Int.max), otherwise: "no limit",
        "Refuse new keys with MAX_KEYS when there are so many and pruning can't help; for memory: alone.",
        placeholder: "n")
    package static let pruneAt = Setting(
        "prune-at", .integer(1...Int.max), otherwise: "never", "Prune when there are so many keys.", placeholder: "n")
    package static let pruneTo = Setting(
        "prune-to", .integer(0...Int.max), otherwise: "nine tenths of prune-at", "How many keys that leaves.",
        placeholder: "n")
    package static let pruneInterval = Setting(
        "prune-interval", .duration(atLeast: 1_000), otherwise: "`1m`",
        "How often to look whether there are prune-at keys.", placeholder: "duration")
    package static let eagerPruneAt = Setting(
        "eager-prune-at", .integer(1...Int.max), otherwise: "never",
        "Prune as soon as there are so many keys; for memory: alone.", placeholder: "n")
    package static let eagerPruneTo = Setting(
        "eager-prune-to", .integer(0...Int.max), otherwise: "nine tenths of eager-prune-at",
        "How many keys that leaves.", placeholder: "n")
    package static let pruneBy = Setting(
        "prune-by", .choice(["score", "lru"]), standard: "score",
        "What goes first: what has the lowest score of use, or what was not used for longest.", placeholder: "order")
    package static let pruneExempt = Setting(
        "prune-exempt", .list, "Never prune keys that begin with this. May be repeated.", placeholder: "prefix")
    package static let keyMetrics = Setting(
        "key-metrics", .integer(0...Int(Int32.max)), otherwise: "as many as pruning may need",
        "Of how many keys to count the use; 0 for none.", placeholder: "n")
}

extension Settings {
    /// What is wrong between the settings of pruning.
    var contradictionsOfPruning: [SettingProblem] {
        var problems: [SettingProblem] = []
        func check(_ at: Setting, _ to: Setting) {
            guard let most = integer(at) else {
                if integer(to) != nil { problems.append(SettingProblem("\(to.flag) needs \(at.flag)")) }
                return
            }
            if let left = integer(to), left >= most {
                problems.append(SettingProblem("\(to.flag) must be less than \(at.flag)"))
            }
            if let limit = integer(.maxKeys), most > limit {
                problems.append(
                    SettingProblem("\(at.flag) must not be more than --max-keys: there never are so many keys"))
            }
        }
        check(.pruneAt, .pruneTo)
        check(.eagerPruneAt, .eagerPruneTo)
        if integer(.pruneAt) == nil, duration(.pruneInterval) != nil {
            problems.append(SettingProblem("--prune-interval needs --prune-at"))
        }
        let ofMemory: [Setting] = [.maxKeys, .eagerPruneAt]
        if text(.store)?.hasPrefix("memory:") != true, ofMemory.contains(where: { integer($0) != nil }) {
            problems.append(
                SettingProblem(
                    "--max-keys and --eager-prune-at are for --store memory: alone, which knows how many keys it has; "
                        + "use --prune-at elsewhere"))
        }
        return problems
    }
}
