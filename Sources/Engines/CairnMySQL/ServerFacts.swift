internal import CairnModel

/// What a server says of itself when a connection is opened.
struct ServerFacts: Sendable {
    /// `MariaDB` or `MySQL`.
    var product = "MariaDB"
    /// The version as it is written, such as `10.11.6-MariaDB`.
    var versionText = ""
    /// The first two numbers of it.
    var version = (major: 0, minor: 0)
    /// How many bytes one packet of ours may have.
    var maxAllowedPacket = 1 << 20
    /// Whether it is set to be read only: a replica, or a primary that stepped down.
    var isReadOnly = false
    /// Whether it is a node of a Galera cluster.
    var isGalera = false
    /// Whether such a node takes part and knows what the others do.
    var isGaleraReady = true
    /// Variables and status by name, in lower case, as far as we asked.
    var settings: [String: String] = [:]

    init() {}

    /// Reads what the statements of ``Statements/facts`` answer: rows of names and texts.
    init(_ settings: [String: String]) {
        self.settings = settings
        versionText = settings["version"] ?? ""
        product = versionText.contains("MariaDB") ? "MariaDB" : "MySQL"
        let numbers = versionText.split { !$0.isNumber }.prefix(2).map { Int($0) ?? 0 }
        version = (numbers.first ?? 0, numbers.count > 1 ? numbers[1] : 0)
        maxAllowedPacket = settings["max_allowed_packet"].flatMap { Int($0) } ?? 1 << 20
        isReadOnly = ["read_only", "super_read_only", "innodb_read_only"].contains { ServerFacts.isOn(settings[$0]) }
        isGalera = ServerFacts.isOn(settings["wsrep_on"]) && settings["wsrep_ready"] != nil
        if isGalera {
            // 2 is a donor that is desynchronised for a while: it answers, but may lag.
            isGaleraReady =
                ServerFacts.isOn(settings["wsrep_ready"]) && settings["wsrep_cluster_status"] == "Primary"
                && settings["wsrep_local_state"] == "4"
        }
    }

    /// Whether a variable says yes: all but 0, OFF and nothing does.
    static func isOn(_ text: String?) -> Bool {
        guard let text else { return false }
        return !["", "0", "OFF", "NO", "off"].contains(text)
    }

    /// A setting that is a number.
    func number(_ name: String) -> Int? { settings[name].flatMap { Int($0) } }
}
