import ArgumentParser
import CairnModel

/// What must hold for a write to happen.
struct ConditionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only if the key is at this version; 0 means that it does not exist.", valueName: "n"))
    var ifVersion: Int64?

    @Option(help: ArgumentHelp("Only if this event was the last to change the key.", valueName: "ref"))
    var ifRef: Int64?

    @Option(help: ArgumentHelp("Only if the key has this value.", valueName: "value"))
    var ifValue: String?

    @Option(
        help: ArgumentHelp(
            "With --if-value: only if the value has this content type, too; without it, only if it has none.",
            valueName: "type"))
    var ifContentType: String?

    @Flag(help: "Only if the key does not exist.")
    var ifAbsent = false

    @Flag(help: "Only if the key exists.")
    var ifPresent = false

    func validate() throws {
        if ifContentType != nil, ifValue == nil { throw ValidationError("--if-content-type goes with --if-value") }
    }

    /// The conditions on `key`. Throws ``CairnModel/StoreError/Code/invalidArgument`` for what is no content type.
    func conditions(on key: Key) throws(StoreError) -> [Condition] {
        var tests: [Condition.Test] = []
        if let ifVersion { tests.append(.version(.equal, ifVersion)) }
        if let ifRef { tests.append(.updatedRef(.equal, Ref(ifRef))) }
        if let ifValue { tests.append(.value(.equal, try Value(ifValue, contentType: ifContentType))) }
        if ifAbsent { tests.append(.absent) }
        if ifPresent { tests.append(.present) }
        return tests.map { Condition(key, $0) }
    }
}
