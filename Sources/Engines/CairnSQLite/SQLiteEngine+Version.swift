internal import CairnModel

extension SQLiteEngine {
    /// Throws if the file has another format than this program's: a newer one has brought it to its own, or somebody
    /// has changed the number. To be called with the write lock held, when others have committed; so nothing is written
    /// to tables that mean something else by now.
    func checkVersion() throws(StoreError) {
        let version = try writer.connection.pragma("user_version")
        guard version != Schema.version else { return }
        guard version > Schema.version else {
            throw StoreError(
                .corrupted,
                "\(path): the file's user_version was \(Schema.version) and is \(version) now, so its format "
                    + "isn't known any more; nothing is written to it")
        }
        throw StoreError(
            .formatTooNew,
            "\(path): a newer Cairn has taken over this file (format \(version), and this one knows "
                + "\(Schema.version)); nothing is written to it any more. Stop this server, and use the newer one")
    }
}
