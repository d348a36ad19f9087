package import CairnKeyspace
package import CairnModel
internal import CairnSQL

// Reading outside of batches. A transaction begins together with the first statement of its view, and nobody waits for
// it to end, so a view of one statement costs one round trip.

extension PostgresSession {
    package func withSnapshot<Result>(
        _ body: (any EngineView) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        for call in [Call(Statements.beginSnapshot)] + settings { connection.announce(call) }
        let view = PostgresView(
            connection: connection, statements: statements.view, usesClock: options.usesDatabaseClock, start: nil)
        do throws(StoreError) {
            let result = try body(view)
            if !connection.takeBack() { connection.post([Call(Statements.commit)]) }
            return result
        } catch {
            if !connection.takeBack() { connection.post([Call(Statements.rollBack)]) }
            throw error
        }
    }

    package func head() throws(StoreError) -> Head {
        try PostgresView(connection: connection, statements: statements.view, usesClock: false, start: nil).head()
    }

    package func records(_ keys: [Key]) throws(StoreError) -> [Key: Record] {
        try PostgresView(connection: connection, statements: statements.view, usesClock: false, start: nil).records(
            keys)
    }
}
