package import CairnModel
internal import CairnSQL

extension PostgresSession {
    package func trim(requestsBefore time: Timestamp?, limit: Int) throws(StoreError) -> Bool {
        var calls = [Call(statements.upkeep.trimEvents, Parameters { $0.add(Int64(limit)) })]
        if let time {
            let parameters = Parameters { parameters in
                parameters.add(time.rawValue)
                parameters.add(Int64(limit))
            }
            calls.append(Call(statements.upkeep.forgetRequests, parameters))
        }
        // What a crash brings back is deleted again.
        return try transaction(isRelaxed: true, calls).contains { $0.changes >= limit }
    }
}
