import CairnModel
import Foundation

/// The token that a command shows to the server. Never the value of a flag, which everybody on the machine can see.
enum ClientToken {
    private static let variable = "CAIRN_TOKEN"

    /// Whether there is one.
    static func isGiven(file: String?) -> Bool {
        file != nil || ofEnvironment != nil
    }

    /// The token of the environment.
    static var ofEnvironment: String? {
        let text = (ProcessInfo.processInfo.environment[variable] ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
        return text.isEmpty ? nil : text
    }

    /// The token in the file, or that of the environment. Throws ``CairnModel/StoreError/Code/invalidArgument``.
    static func read(file: String?) throws(StoreError) -> String? {
        guard let file else { return ofEnvironment }
        let data =
            file == "-" ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: file)
        guard let data else { throw StoreError(.invalidArgument, "the token file \(file) can't be read") }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty else { throw StoreError(.invalidArgument, "the token file \(file) is empty") }
        return text
    }
}
