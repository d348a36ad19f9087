internal import Configuration
internal import Foundation
internal import Yams

/// A configuration file: a YAML mapping from settings' names to their values.
struct SettingsFile {
    let path: String
    /// The names in it, in its order.
    let names: [String]
    /// Those of them whose value is a mapping, which no setting's is.
    let mappings: [String]
    /// `nil` for a file without anything but comments.
    let values: YAMLSnapshot?

    /// Reads a file. Blocks. Throws in words that name it.
    init(path: String) throws(SettingProblem) {
        self.path = path
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw SettingProblem("the configuration file \(path) can't be read: \(SettingsFile.reason(error))")
        }
        do {
            guard let root = try Parser(yaml: data).singleRoot() else {
                (names, mappings, values) = ([], [], nil)
                return
            }
            guard let mapping = root.mapping else {
                throw SettingProblem(
                    "the configuration file \(path) is no mapping: write lines such as log-level: info")
            }
            names = mapping.map { $0.key.string ?? "?" }
            mappings = mapping.compactMap { $0.value.mapping == nil ? nil : $0.key.string }
            // The snapshot doesn't tell which names it has, so the file is parsed twice.
            values = try YAMLSnapshot(data: data.bytes, providerName: path, parsingOptions: .default)
        } catch let problem as SettingProblem {
            throw problem
        } catch {
            throw SettingProblem("the configuration file \(path) can't be understood: \(error)")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch (error as? CocoaError)?.code {
        case .fileReadNoSuchFile: "there is no such file"
        case .fileReadNoPermission: "it may not be read"
        default: error.localizedDescription
        }
    }
}
