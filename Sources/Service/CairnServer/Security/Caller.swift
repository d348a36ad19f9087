internal import CairnModel
internal import CairnSecurity

/// Who makes the call that the current task handles, where callers are asked for who they are.
///
/// Bound for the length of the call by who lets it in; tasks that a handler starts have it, too.
enum Caller {
    @TaskLocal static var current: Principal?
    /// The call, if it may last: then it says who calls, by what holds now.
    @TaskLocal static var openCall: OpenCall?

    /// Who calls. Throws if nobody was let in: then a door has forgotten to ask; or if who was let in no longer would
    /// be.
    static func required() throws(StoreError) -> Principal {
        if let openCall { return try openCall.principal() }
        guard let current else {
            throw StoreError(.permissionMissing, "nobody is known to be calling; this is a defect of the server")
        }
        return current
    }

    /// Who calls, and may do what `need` asks for: now, and for as long as the call lasts, which ends when that
    /// changes.
    static func required(toKeep need: @escaping OpenCall.Need) throws(StoreError) -> Principal {
        if let openCall { return try openCall.principal(toKeep: need) }
        let principal = try required()
        try need(principal)
        return principal
    }
}

extension AccessControl {
    /// Throws unless the caller may do what is for those who run the server. `clientID` is what the request says of who
    /// makes it, which counts where there are no tokens.
    func requireAdmin(clientID: String) throws(StoreError) {
        try requireAdmin(Caller.current, clientID: clientID)
    }
}
