internal import CairnModel
internal import CairnRPC
internal import CairnSecurity

/// Who was let in by the last call of a connection that was looked at, for the next one that shows the same.
final class KnownCaller: Sendable {
    /// What the call showed as its `authorization`; the connection's certificate stays the same.
    let authorization: String?
    let admission: Admission
    /// The client id of calls that give none.
    let clientID: String

    var principal: Principal { admission.principal }

    init(authorization: String?, admission: Admission, clientID: String) {
        self.authorization = authorization
        self.admission = admission
        self.clientID = clientID
    }
}

extension RPCMetadata {
    /// The call's `authorization`, or none; `nil` for several, which are nobody's.
    var oneAuthorization: String?? {
        var found: String?
        for entry in entries where entry.name == "authorization" {
            guard found == nil, case .text(let text) = entry.value else { return nil }
            found = text
        }
        return .some(found)
    }
}
