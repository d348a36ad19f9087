internal import Synchronization

/// A data directory that is made once, and copied for each server: quicker than making each.
final class DataTemplate: Sendable {
    private let name: String
    private let make: @Sendable (String) throws -> Void
    private let made = Mutex<Result<String, any Error>?>(nil)

    /// `make` fills an empty directory.
    init(_ name: String, make: @escaping @Sendable (String) throws -> Void) {
        self.name = name
        self.make = make
    }

    /// Copies it to `target`, which isn't there yet, owners and all. Blocks, and makes it if nobody has yet.
    func copy(to target: String, account: Account?) throws {
        let source = try made.withLock { made in
            let result =
                made
                ?? Result {
                    let path = try ServersDirectory.make(name, for: account)
                    try make(path)
                    return path
                }
            made = result
            return try result.get()
        }
        try Command.run(["cp", "-a", "--reflink=auto", source, target])
    }
}
