import CairnKeyspace
import CairnModel
import CairnPostgres
import CairnSQLite
import CairnSnapshots
import CairnTestServers
import Foundation
import Testing

@Suite("snapshots: whose they are")
struct OwnershipTests {
    private func write(_ server: String, _ second: Int, to store: any SnapshotStore) throws(StoreError) {
        let name = SnapshotName(server: server, time: anyName.time + .seconds(second))
        try store.write(name) { (sink) throws(StoreError) in try sink.put([1]) }
    }

    @Test("a name has one owner, until that ends; other names are free", arguments: SnapshotHome.all)
    func oneOwner(_ home: SnapshotHome) async throws {
        let first = try await home.open("owned")
        let second = try await home.open("owned")
        try await blocking {
            try first.own("a")
            let refused = failure { try second.own("a") }
            #expect(refused?.code == .storageBusy)
            #expect(refused?.message.contains("another server keeps its snapshots there as \"a\"") == true)
            try second.own("b")
            try write("a", 1, to: first)
            try write("b", 1, to: second)
        }
        first.close()
        second.close()
        let third = try await home.open("owned")
        try await blocking {
            try third.own("a")
            #expect(try third.list(of: "a").count == 1)
            try write("a", 2, to: third)
        }
        third.close()
    }

    @Test("who has lost the lock file keeps nothing any more", arguments: [SnapshotHome.files, .sqlite])
    func lostFile(_ home: SnapshotHome) async throws {
        let first = try await home.open("lost")
        try first.own("a")
        let file = home.name == "sqlite" ? "\(first.place)-a.lock" : "\(first.place)/a.lock"
        try FileManager.default.removeItem(atPath: file)
        let second = try await home.open("lost")
        try second.own("a")
        try write("a", 1, to: second)
        #expect(failure { try write("a", 2, to: first) }?.code == .storageBusy)
        #expect(try second.list(of: "a").count == 1)
        first.close()
        second.close()
    }

    @Test(
        "PostgreSQL: whose name was taken by another keeps nothing any more, lock or not",
        .enabled(if: PostgresServer.unavailableReason == nil, "PostgreSQL keeps them"))
    func taken() async throws {
        let url = try await SharedServer.postgres().url(database: "postgres") + "?schema=taken"
        try await blocking {
            let first = try PostgresSnapshots(url)
            try first.own("a")
            // As behind a pooler, where no connection is one's own.
            let second = try PostgresSnapshots(url + "&pooled=true")
            try second.own("a")
            let refused = failure { try write("a", 1, to: first) }
            #expect(refused?.code == .storageBusy && refused?.message.contains("taken over") == true)
            try write("a", 1, to: second)
            first.close()
            second.close()
        }
    }
}
