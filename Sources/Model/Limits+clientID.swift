extension Limits {
    /// Throws ``StoreError/Code/invalidArgument`` if a client id is too long to be one; its text isn't repeated.
    public func check(clientID: String) throws(StoreError) {
        let count = clientID.utf8.count
        guard count <= nameBytes else {
            throw StoreError(.invalidArgument, "the client id has \(count) bytes; the most is \(nameBytes)")
        }
    }
}
