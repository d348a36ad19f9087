/// A statement's text, and the name under which a connection keeps it prepared.
struct Statement: Sendable {
    /// Empty for a statement that is parsed each time: because it is cheap to parse, or because it must work in a
    /// transaction that has failed.
    let name: String
    let sql: String

    init(_ name: String = "", _ sql: String) {
        self.name = name
        self.sql = sql
    }
}

/// A statement with its parameters, ready to be sent.
struct Call: Sendable {
    let statement: Statement
    let parameters: Parameters

    init(_ statement: Statement, _ parameters: Parameters = Parameters()) {
        self.statement = statement
        self.parameters = parameters
    }
}
