package import CairnModel

/// Somebody who calls, and what they may do: what a token, a certificate or the lack of both stands for.
package struct Principal: Hashable, Sendable {
    /// Which client ids a caller may give.
    package enum ClientIDs: Hashable, Sendable {
        /// This one alone.
        case only(String)
        /// The one of a JSON Web Token's subject: its name after ``Principal/subjectMark``.
        case subject(String)
        /// Any but these, which belong to others, and those of subjects.
        case any(except: Set<String>)
    }

    /// What the client ids of subjects begin with, and no others: which subjects there are is the issuer's business, so
    /// an entry's id, or one that a token chooses, could be that of a subject as well.
    package static let subjectMark = "jwt:"

    /// The name, for people and as the client id of calls that give none.
    package var name: String
    /// What it may do with keys and consumers. An admin may do everything.
    package var permissions: Permissions
    /// Whether it may do what is for those who run the server.
    package var isAdmin: Bool
    /// Whose locks it may hold, and in whose name it writes.
    package var clientIDs: ClientIDs
    /// Whether nobody is known to be calling.
    package var isAnonymous: Bool

    /// A principal; one who is an admin has all permissions.
    package init(
        name: String, permissions: Permissions, isAdmin: Bool = false, clientIDs: ClientIDs = .any(except: []),
        isAnonymous: Bool = false
    ) {
        self.name = name
        self.permissions = isAdmin ? .all : permissions
        self.isAdmin = isAdmin
        self.clientIDs = clientIDs
        self.isAnonymous = isAnonymous
    }

    /// The same, as an admin.
    package var asAdmin: Principal {
        Principal(
            name: name, permissions: .all, isAdmin: true, clientIDs: clientIDs, isAnonymous: isAnonymous)
    }

    /// The one client id that it calls as, if there is one.
    var provenClientID: String? {
        switch clientIDs {
        case .only(let id): id
        case .subject(let subject): Principal.subjectMark + subject
        case .any: nil
        }
    }

    /// The client id of a call that gives `clientID`: that one if it may be used, its own if the call gives none.
    ///
    /// Throws ``CairnModel/StoreError/Code/clientIDMismatch``.
    package func clientID(for clientID: String) throws(StoreError) -> String {
        try Limits.standard.check(clientID: clientID)
        switch clientIDs {
        case .only(let own):
            if clientID.isEmpty || clientID == own { return own }
            throw StoreError(
                .clientIDMismatch,
                "\"\(name)\" calls as client \"\(own)\", not as \"\(clientID)\"; give that client id, or none")
        case .subject(let subject):
            let own = Principal.subjectMark + subject
            if clientID.isEmpty || clientID == own || clientID == subject { return own }
            throw StoreError(
                .clientIDMismatch,
                "\"\(name)\" calls as client \"\(own)\", not as \"\(clientID)\"; give that client id, or none")
        case .any(let others):
            if clientID.isEmpty { return isAnonymous ? "" : name }
            guard !clientID.hasPrefix(Principal.subjectMark) else {
                throw StoreError(
                    .clientIDMismatch, "client id \"\(clientID)\" is for who shows a JSON Web Token of that subject")
            }
            guard others.contains(clientID) else { return clientID }
            throw StoreError(
                .clientIDMismatch, "client id \"\(clientID)\" belongs to another token than \"\(name)\"'s")
        }
    }
}

// The checks of what a call is about to do. Each throws `permissionMissing`, which doesn't tell whether a key exists.
extension Principal {
    /// Reading a key.
    package func requireRead(_ key: Key) throws(StoreError) {
        if !permissions.readable.contains(key) { throw refusal(.read(key)) }
    }

    /// Reading a whole range.
    package func requireRead(_ range: KeyRange) throws(StoreError) {
        if !permissions.readable.contains(range) { throw refusal(.read(range)) }
    }

    /// Writing a key.
    package func requireWrite(_ key: Key) throws(StoreError) {
        if !permissions.writable.contains(key) { throw refusal(.write(key)) }
    }

    /// What a transaction does, but for the leases that it names.
    package func require(_ transaction: Transaction) throws(StoreError) {
        if isAdmin { return }
        guard let missing = permissions.missing(for: transaction) else { return }
        if missing == .admin { try requireAdmin() }
        throw refusal(missing)
    }

    /// Using a consumer.
    package func requireConsumer(_ name: String) throws(StoreError) {
        if !permissions.allowsConsumer(name) { throw refusal(.consumer(name)) }
    }

    /// Seeing all consumers.
    package func requireEveryConsumer() throws(StoreError) {
        if !permissions.allowsConsumer("") { throw refusal(MissingPermission("list consumers")) }
    }

    /// Touching a lease with these keys on it.
    package func requireWrite(lease id: LeaseID, with keys: [Key]) throws(StoreError) {
        try require(lease: id, with: keys, in: permissions.writable, "change lease \(id), as it may not write")
    }

    /// Seeing a lease with these keys on it.
    package func requireRead(lease id: LeaseID, with keys: [Key]) throws(StoreError) {
        try require(lease: id, with: keys, in: permissions.readable, "see lease \(id), as it may not read")
    }

    // Which of the keys it is isn't told.
    private func require(
        lease id: LeaseID, with keys: [Key], in allowed: KeySet, _ words: String
    ) throws(StoreError) {
        if keys.allSatisfy(allowed.contains) { return }
        throw refusal(MissingPermission("\(words) every key on it"))
    }

    /// What is for admins.
    package func requireAdmin() throws(StoreError) {
        if isAdmin { return }
        throw StoreError(.notAdmin, "\(subject) may not do this: it is for admins")
    }

    /// Seeing how the server does.
    package func requireReader() throws(StoreError) {
        if !permissions.readsAnything { throw refusal(MissingPermission("read anything")) }
    }

    private func refusal(_ missing: MissingPermission) -> StoreError {
        StoreError(.permissionMissing, "\(subject) may not \(missing.words)", key: missing.key)
    }

    private var subject: String { isAnonymous ? "a call without a token" : "\"\(name)\"" }
}
