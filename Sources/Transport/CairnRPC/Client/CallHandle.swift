/// What a caller holds of a call with streams: when the last copy goes, the call is given up if it isn't over.
final class CallHandle: Sendable {
    let call: ClientCall

    init(_ call: ClientCall) { self.call = call }

    deinit { call.cancel(RPCError(.cancelled, "the call's streams were dropped")) }
}
