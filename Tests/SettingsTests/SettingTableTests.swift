import Foundation
import Testing

@testable import CairnSettings

/// The table of settings, and what it says to people.
@Suite("The table of settings")
struct SettingTableTests {
    @Test("names are words in small letters, each there once; defaults are values of their kind")
    func rows() throws {
        #expect(Set(Setting.all.map(\.name)).count == Setting.all.count)
        for setting in Setting.all {
            #expect(setting.name.allSatisfy { $0.isLowercase || $0 == "-" }, "\(setting.name)")
            #expect(setting.help.hasSuffix("."), "\(setting.name)")
            #expect(setting.standard == nil || setting.otherwise == nil, "\(setting.name)")
            guard let standard = setting.standard, setting.kind != .list else { continue }
            #expect(try setting.kind.value(of: standard).get().text == SettingTableTests.canonical(standard, setting))
        }
    }

    /// Bytes are shown as plain numbers.
    private static func canonical(_ text: String, _ setting: Setting) -> String {
        if case .bytes = setting.kind { ByteCountText.count(of: text).map { String($0) } ?? text } else { text }
    }

    @Test("the documentation's table is this one")
    func documentation() throws {
        let page = try String(contentsOfFile: repository + "/docs/reference/configuration.md", encoding: .utf8)
        let rows = page.split(separator: "\n").map(String.init).filter { $0.hasPrefix("| ") || $0.hasPrefix("|-") }
        let first = try #require(rows.firstIndex { $0.hasPrefix("| setting") })
        #expect(Array(rows[first...].prefix(SettingsPage.table.count)) == SettingsPage.table)
    }
}

/// The repository's folder.
let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
