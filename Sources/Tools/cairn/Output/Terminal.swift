import Foundation

/// Standard output and standard error. Colours only for people: when the output is a terminal and NO_COLOR is not set.
enum Terminal {
    enum Style: String {
        case dim = "2"
        case green = "32"
        case yellow = "33"
        case red = "31"
        case cyan = "36"
    }

    /// Whether a person reads standard output.
    static let isInteractive = isatty(STDOUT_FILENO) == 1

    /// The columns and rows of the terminal; many, if nobody reads the output as it is.
    static var size: (columns: Int, rows: Int) {
        var window = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0 else { return (200, 1_000) }
        return (Int(window.ws_col), Int(window.ws_row))
    }

    private static let hasColour = isInteractive && ProcessInfo.processInfo.environment["NO_COLOR"] == nil

    /// The text in a colour, where there are colours.
    static func styled(_ text: String, _ style: Style) -> String {
        hasColour ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Writes a line at once, so that a reader at the other end of a pipe sees it now.
    static func print(_ line: String) { write(Array((line + "\n").utf8)) }

    /// Writes bytes to standard output. Ends the process when nobody reads them any more.
    static func write(_ bytes: [UInt8]) { write(bytes[...]) }

    /// Writes bytes to standard output, as they are.
    static func write(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            // The pointer is used only during the call.
            let count = rest.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                exit(errno == EPIPE ? 0 : 1)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Writes a text to standard error, whole: what several threads write is not mixed.
    static func writeError(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

    /// Writes a line to standard error.
    static func complain(_ line: String) {
        FileHandle.standardError.write(Data("cairn: \(line)\n".utf8))
    }
}
