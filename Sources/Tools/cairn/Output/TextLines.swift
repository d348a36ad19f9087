import CairnModel

/// Records and events as lines for people: fields with tabs between them, and nothing in them that could end a line.
enum TextLines {
    static func line(_ event: Event) -> String {
        let style: Terminal.Style = event.kind == .created ? .green : event.kind == .updated ? .yellow : .red
        let fields = [
            event.ref.description, Terminal.styled(event.kind.description, style), printable(event.key.bytes),
            "v\(event.version)",
        ]
        return (fields + (event.value.map { [printable($0.content)] } ?? [])).joined(separator: "\t")
    }

    static func line(_ access: KeyAccess) -> String {
        let fields = [
            "-", Terminal.styled(Event.Kind.accessed.description, .dim), printable(access.key.bytes),
            "v\(access.version)",
        ]
        return (fields + (access.clientID.isEmpty ? [] : [printable(Array(access.clientID.utf8))]))
            .joined(separator: "\t")
    }

    static func line(_ record: Record, withValue: Bool) -> String {
        withValue ? "\(printable(record.key.bytes))\t\(printable(record.value.content))" : printable(record.key.bytes)
    }

    static func line(_ status: LeaseStatus) -> String {
        let end = status.timeLeft.map { "expires in \($0.text)" } ?? "no deadline"
        return "\(status.lease.id)\t\(end)\t\(status.lease.isGranted ? "granted" : "of a key")"
    }

    static func line(_ status: LockStatus) -> String {
        let lock = status.lock
        return
            "\(lock.token)\t\(printable(lock.key.bytes))\t\(lock.owner)\t\(lock.mode)\tends in \(status.timeLeft.text)"
    }

    /// The bytes as text; what isn't printable UTF-8 as `\xNN`, a backslash doubled.
    static func printable(_ bytes: some Collection<UInt8>) -> String {
        let text = String(validating: bytes, as: UTF8.self)
        if let text, !text.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 || $0 == "\\" }) {
            return text
        }
        return bytes.map { byte in
            switch byte {
            case UInt8(ascii: "\\"): return "\\\\"
            case UInt8(ascii: "\n"): return "\\n"
            case UInt8(ascii: "\t"): return "\\t"
            case 0x20...0x7E: return String(UnicodeScalar(byte))
            default: return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
