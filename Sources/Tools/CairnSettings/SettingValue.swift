/// A setting's value.
package enum SettingValue: Hashable, Sendable {
    case text(String)
    case list([String])
    case integer(Int)
    case duration(Duration)
    case ratio(Double)
    case flag(Bool)

    /// The value as one would write it; a list with commas.
    package var text: String {
        switch self {
        case .text(let text): text
        case .list(let texts): texts.joined(separator: ",")
        case .integer(let number): String(number)
        case .ratio(let ratio): ratio == ratio.rounded() ? String(Int(ratio)) : String(ratio)
        case .duration(let duration): DurationText.text(of: duration)
        case .flag(let isOn): String(isOn)
        }
    }
}
