import CairnModel
import Testing

@testable import CairnSecurity

/// What rules allow, of keys, ranges and transactions.
@Suite("Permissions")
struct PermissionsTests {
    private let web = Permissions(
        [.init("web/", .readWrite), .init("config/", .read), .init("audit/", .write)], consumers: ["web-"])

    @Test("a rule is for the keys that start with its prefix, bytewise, and rights add up")
    func keys() {
        #expect(web.readable.contains(Key("web/a")) && web.writable.contains(Key("web/a")))
        #expect(web.readable.contains(Key("config/x")) && !web.writable.contains(Key("config/x")))
        #expect(!web.readable.contains(Key("audit/x")) && web.writable.contains(Key("audit/x")))
        for key: Key in ["web", "web0", "wea/", "", "config", "Web/a"] {
            #expect(!web.readable.contains(key) && !web.writable.contains(key), "\(key)")
        }
        let both = Permissions([.init("a/", .read), .init("a/b/", .write)])
        #expect(both.readable.contains(Key("a/b/c")) && both.writable.contains(Key("a/b/c")))
        #expect(!both.writable.contains(Key("a/c")))
        let highest = Permissions([.init(Key(bytes: [0xFF]), .read)])
        #expect(highest.readable.contains(Key(bytes: [0xFF, 0xFF])) && !highest.readable.contains(Key("z")))
    }

    @Test("a range must lie whole in what is allowed; rules that meet are one")
    func ranges() {
        #expect(web.readable.contains(KeyRange(prefix: "web/")))
        #expect(web.readable.contains(KeyRange(prefix: "web/a")))
        #expect(web.readable.contains(KeyRange(from: "web/a", to: "web0")), "the end is not in the range")
        #expect(!web.readable.contains(KeyRange(from: "web/a", to: "web1")))
        #expect(!web.readable.contains(KeyRange(from: "web/a", to: nil)))
        #expect(!web.readable.contains(KeyRange(prefix: "web")))
        #expect(!web.readable.contains(.all) && Permissions.all.readable.contains(.all))
        #expect(!web.readable.contains(KeyRange(from: "config/", to: "web0")), "there is a gap")
        // "a" ends where "b" begins.
        let next = Permissions([.init("b", .read), .init("a", .readWrite)])
        #expect(
            next.readable.contains(KeyRange(from: "a", to: "c"))
                && !next.writable.contains(KeyRange(from: "a", to: "c")))
        #expect(!web.readable.contains(KeyRange(from: "x", to: "a")), "a range without keys must begin inside")
        #expect(!Permissions.none.readable.contains(KeyRange(from: "a", to: "a")))
    }

    @Test("sets of random ranges hold what one of the ranges holds")
    func merging() {
        var generator = SystemRandomNumberGenerator()
        func key() -> Key {
            Key(
                bytes: (0..<Int.random(in: 0...2, using: &generator)).map { _ in
                    UInt8.random(in: 0...3, using: &generator)
                })
        }
        for _ in 0..<2_000 {
            let ranges = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                KeyRange(from: key(), to: Bool.random(using: &generator) ? key() : nil)
            }
            let set = KeySet(ranges)
            for _ in 0..<20 {
                let key = key()
                #expect(set.contains(key) == ranges.contains { $0.contains(key) }, "\(ranges) \(key)")
            }
            let range = KeyRange(from: key(), to: key())
            let keys = [range.lower] + (0...3).map { Key(bytes: range.lower.bytes + [$0]) }
            if !range.isEmpty, set.contains(range) {
                for key in keys where range.contains(key) { #expect(set.contains(key), "\(ranges) \(range) \(key)") }
            }
        }
    }

    @Test(
        "each operation needs its right",
        arguments: [
            (Operation.get("config/a"), nil), (.get("audit/a"), "read key"), (.set("web/a", "1"), nil),
            (.set("config/a", "1"), "write key"), (.delete("audit/a"), nil), (.delete("config/a"), "write key"),
            (.deleteRange(KeyRange(prefix: "web/")), nil), (.deleteRange(.all), "write every key"),
            (.clear(KeyRange(prefix: "audit/"), force: true), nil),
            (.clear(KeyRange(prefix: "config/"), force: false), "write every key that starts with \"config/\""),
            (.lock("web/a", duration: .seconds(1)), nil), (.lock("config/a", duration: .seconds(1)), "write key"),
            (.unlock("config/a"), "write key"), (.acknowledge(consumer: "web-1", through: 1), nil),
            (.acknowledge(consumer: "other", through: 1), "consumer \"other\""),
            (.resetConsumer("other", to: 1), "consumer"), (.deleteConsumer("we"), "consumer"),
            (.compact(before: 1), "admins"), (.grantLease(duration: nil), nil), (.keepAlive(1), nil),
        ] as [(Operation, String?)])
    func operations(_ operation: Operation, _ missing: String?) {
        for transaction in [Transaction(then: [operation]), Transaction(then: [], otherwise: [operation])] {
            let found = web.missing(for: transaction)?.words
            if let missing {
                #expect(found?.contains(missing) == true, "\(found ?? "nothing")")
            } else {
                #expect(found == nil)
            }
        }
    }

    @Test("a condition reads; who may write nothing grants no lease")
    func conditions() {
        let blind = Transaction(if: [Condition("audit/a", .absent)], then: [.set("audit/a", "1")])
        #expect(web.missing(for: blind)?.words == "read key \"audit/a\"")
        let reader = Permissions([.init("", .read)])
        for operation: Operation in [.grantLease(duration: nil), .keepAlive(1), .expireLease(1)] {
            #expect(reader.missing(for: Transaction(then: [operation]))?.words == "write anything")
        }
    }

    @Test("the leases that a transaction names")
    func leases() {
        let transaction = Transaction(
            then: [.set("a", "1", lease: 7), .set("b", "1"), .keepAlive(8), .grantLease(id: 5, duration: nil)],
            otherwise: [.expireLease(9)])
        #expect(Permissions.leases(in: transaction) == [7, 8, 9])
    }

    @Test("an admin may do everything; refusals name who may not, and do not tell of other keys")
    func principals() throws {
        let admin = Principal(name: "root", permissions: .none, isAdmin: true)
        try admin.require(Transaction(then: [.compact(before: 1), .deleteRange(.all), .deleteConsumer("x")]))
        try admin.requireRead(.all)
        try admin.requireAdmin()
        let caller = Principal(name: "web", permissions: web)
        let error = #expect(throws: StoreError.self) { try caller.requireRead("secret") }
        #expect(error?.code == .permissionMissing && error?.message == "\"web\" may not read key \"secret\"")
        #expect(throws: StoreError.self) { try caller.requireAdmin() }
        let lease = #expect(throws: StoreError.self) { try caller.requireWrite(lease: 7, with: ["web/a", "secret"]) }
        #expect(lease?.message.contains("secret") == false)
        try caller.requireWrite(lease: 7, with: ["web/a", "audit/b"])
    }

    @Test("client ids: a fixed one is the only one, another's may not be used, and the name stands in")
    func clientIDs() throws {
        let fixed = Principal(name: "web", permissions: web, clientIDs: .only("web-1"))
        #expect(try fixed.clientID(for: "") == "web-1" && fixed.clientID(for: "web-1") == "web-1")
        let notOwn = #expect(throws: StoreError.self) { try fixed.clientID(for: "web-2") }
        #expect(notOwn?.code == .clientIDMismatch)
        let free = Principal(name: "job", permissions: web, clientIDs: .any(except: ["web-1"]))
        #expect(try free.clientID(for: "") == "job" && free.clientID(for: "x") == "x")
        let notOthers = #expect(throws: StoreError.self) { try free.clientID(for: "web-1") }
        #expect(notOthers?.code == .clientIDMismatch)
        // The ids of subjects are nobody else's, whatever they are.
        let subject = Principal(name: "web-1", permissions: web, clientIDs: .subject("web-1"))
        for given in ["", "web-1", "jwt:web-1"] { #expect(try subject.clientID(for: given) == "jwt:web-1") }
        for (principal, given) in [(subject, "jwt:web-2"), (free, "jwt:web-1"), (free, "jwt:"), (fixed, "jwt:web-1")] {
            let refused = #expect(throws: StoreError.self) { try principal.clientID(for: given) }
            #expect(refused?.code == .clientIDMismatch, "\(principal.name) as \(given)")
        }
        let long = #expect(throws: StoreError.self) { try free.clientID(for: String(repeating: "x", count: 256)) }
        #expect(long?.code == .invalidArgument && long?.message.contains("xx") == false)
        let nobody = Principal(name: "anonymous", permissions: web, isAnonymous: true)
        #expect(try nobody.clientID(for: "") == "")
    }
}
