package import CairnModel
package import CairnSQL

// The rows by which the processes that have the home open know of each other.

extension PostgresSession {
    package func join(_ replica: ReplicaID, address: String) throws(StoreError) -> Int64 {
        let parameters = Parameters { parameters in
            parameters.add(replica.text)
            parameters.add(address)
        }
        // Under the head's lock, so that each batch either is seen by the new replica when it looks for the first time,
        // or knows of it and tells it.
        let rows = try transaction([
            Call(statements.batch.lockHead), Call(statements.replica.forget), Call(statements.replica.join, parameters),
        ])
        let number = rows[2].integer(0, 0)
        registrations.note(replica, address: address, as: number)
        try greet(number)
        return number
    }

    package func leave(_ number: Int64) throws(StoreError) {
        _ = try transaction(isRelaxed: true, [Call(statements.replica.leave, identity(number))])
        registrations.forget(number)
        try greet(number)
    }

    /// Makes the others look who there is.
    private func greet(_ number: Int64) throws(StoreError) {
        let parameters = Parameters { parameters in
            parameters.add(names.channel)
            parameters.add(Announcement(replica: number, lastRef: .zero, nextDeadline: nil).text)
        }
        _ = try connection.run(Call(statements.replica.greet, parameters))
    }

    package func beat(_ number: Int64) throws(StoreError) -> HomeState {
        let registration = registrations[number]
        let sign = Parameters { parameters in
            parameters.add(number)
            parameters.add(registration.id)
            parameters.add(registration.address)
        }
        let rows = try transaction(
            isRelaxed: true,
            [
                Call(statements.replica.signOfLife, sign), Call(statements.view.head), Call(statements.batch.standing),
                Call(statements.replica.living, Parameters { $0.add(Replica.silence.microseconds) }),
            ]
        )
        guard rows[0].count == 1 else { throw replaced(number) }
        let replicas = rows[3]
        return HomeState(
            head: try rows[1].head(),
            time: Timestamp(microseconds: rows[2].integer(0, 0)),
            nextDeadline: rows[2].optionalInteger(0, 1).map(Timestamp.init(microseconds:)),
            replicas: (0..<replicas.count).map {
                Replica(number: replicas.integer($0, 0), address: replicas.text($0, 1))
            }
        )
    }

    package func lastBatch(of number: Int64) throws(StoreError) -> Int64? {
        do throws(StoreError) {
            let rows = try transaction([
                Call(statements.batch.lockHead), Call(statements.replica.lastBatch, identity(number)),
            ])
            return rows[1].count == 1 ? rows[1].integer(0, 0) : nil
        } catch {
            guard error.code == .storageBusy else { throw error }
            // The lost batch may still be under way; that nothing was changed must not be taken to be said of it.
            var error = error
            error.code = .unavailable
            connection.giveUp()
            throw error
        }
    }

    private func identity(_ number: Int64) -> Parameters {
        Parameters { parameters in
            parameters.add(number)
            parameters.add(registrations[number].id)
        }
    }

    /// After a fail-over that has lost rows, another process may have been given our number.
    private func replaced(_ number: Int64) -> StoreError {
        StoreError(
            .corrupted,
            "\(connection.place): another process is registered as replica \(number), which was ours. "
                + "Was a server promoted that had not everything? Open the store again."
        )
    }
}
