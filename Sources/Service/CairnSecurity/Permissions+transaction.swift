package import CairnModel

// What a transaction asks for.
extension Permissions {
    /// The first right that a transaction needs and these permissions lack, whichever branch would run; `nil` if they
    /// suffice. Leases are not looked at: ``leases(in:)`` names them.
    package func missing(for transaction: Transaction) -> MissingPermission? {
        for condition in transaction.conditions where !readable.contains(condition.key) {
            return .read(condition.key)
        }
        for operation in transaction.operations + transaction.otherwise {
            if let missing = missing(for: operation) { return missing }
        }
        return nil
    }

    private func missing(for operation: Operation) -> MissingPermission? {
        switch operation {
        case .get(let key):
            return readable.contains(key) ? nil : .read(key)
        case .set(let key, _, _, _, _), .delete(let key), .lock(let key, _, _, _), .unlock(let key), .touch(let key):
            return writable.contains(key) ? nil : .write(key)
        case .deleteRange(let range), .clear(let range, _):
            return writable.contains(range) ? nil : .write(range)
        case .grantLease, .keepAlive, .expireLease:
            return writesAnything ? nil : .someWrite
        case .acknowledge(let name, _), .resetConsumer(let name, _), .deleteConsumer(let name):
            return allowsConsumer(name) ? nil : .consumer(name)
        case .compact, .prune:
            // They take events and keys from everybody.
            return .admin
        }
    }

    /// The leases that a transaction names: what happens to them happens to all keys on them.
    package static func leases(in transaction: Transaction) -> Set<LeaseID> {
        var leases: Set<LeaseID> = []
        for operation in transaction.operations + transaction.otherwise {
            switch operation {
            case .set(_, _, let lease?, _, _): leases.insert(lease)
            case .keepAlive(let lease, _), .expireLease(let lease): leases.insert(lease)
            default: break
            }
        }
        return leases
    }
}
