// On the wire a zero often means that nothing was said. Where the model's zero is a mistake instead, it is refused
// here: sent, it would be taken for something else.

internal import CairnModel

extension Int {
    /// The number as the size of a page, which is at least 1.
    func checkedAsLimit(_ what: String = "limit") throws(StoreError) -> Int {
        guard self >= 1 else {
            throw StoreError(.invalidArgument, "a \(what) of \(self) is not possible; the least is 1")
        }
        return self
    }
}

extension Transaction {
    /// Refuses the lease 0, which there never is.
    func checkForWire() throws(StoreError) {
        for operation in operations + otherwise {
            switch operation {
            case .grantLease(let id?, _) where id == 0:
                throw StoreError(
                    .invalidArgument, "lease id 0 is not free to choose; choose one from \(LeaseID.firstChosen) on")
            case .set(let key, _, let lease?, _, _) where lease == 0: throw .leaseNotFound(lease, key: key)
            default: break
            }
        }
    }
}
