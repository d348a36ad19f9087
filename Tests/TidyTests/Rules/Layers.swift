// Which module may know which.
//
// The compiler stops a target from importing what its manifest doesn't name; this table stops the manifest from naming
// it, and says in one place how the layers lie. An import that isn't in the table fails the tests: add it to the row if
// the layer should know that module.

/// What the Swift files of a folder may import.
struct Layer: Sendable {
    let folder: String
    let modules: Set<String>
    /// What the layer is for, to tell somebody who imports too much.
    let purpose: String

    init(_ folder: String, _ purpose: String, _ modules: Set<String>...) {
        self.folder = folder
        self.purpose = purpose
        self.modules = modules.reduce(into: []) { $0.formUnion($1) }
    }

    /// The innermost layer that the file lies in.
    static func of(_ path: String) -> Layer? {
        all.filter { path.hasPrefix($0.folder + "/") }.max { $0.folder.count < $1.folder.count }
    }

    func allows(_ module: String) -> Bool {
        modules.contains(module) || (modules.contains("NIO") && module.hasPrefix("NIO"))
    }

    private static let platform: Set<String> = [
        "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Musl", "Darwin", "Synchronization",
    ]
    private static let collections: Set<String> = [
        "BasicContainers", "BitCollections", "Collections", "DequeModule", "HashTreeCollections", "HeapModule",
        "OrderedCollections",
    ]
    private static let observability: Set<String> = ["Logging", "Metrics", "Tracing"]
    private static let lifecycle: Set<String> = ["ServiceLifecycle", "UnixSignals"]

    /// What every engine may know: the model, the rules' borders, and no other engine.
    private static func engine(_ name: String, _ own: Set<String>) -> Layer {
        Layer(
            "Sources/Engines/\(name)",
            "an engine stores what the rules decided, and knows no other engine",
            ["CairnModel", "CairnKeyspace"],
            platform,
            collections,
            observability,
            own
        )
    }

    static let all: [Layer] = [
        Layer("Sources/Model", "the model is the contract, without I/O", ["Synchronization"]),
        Layer(
            "Sources/Keyspace",
            "the keyspace is a store over any engine, and knows none of them",
            ["CRE2", "CairnModel", "Logging", "Metrics"],
            platform,
            collections
        ),
        Layer("Sources/Keyspace/Rules", "the rules decide, in plain values", ["CairnModel"], collections),
        engine("CairnMemory", []),
        engine("CairnSQLite", ["GRDB", "GRDBSQLite"]),
        engine("CairnSQL", []),
        engine("CairnPostgres", ["CPostgres", "CairnSQL"]),
        engine("CairnMySQL", ["CMariaDB", "CairnSQL"]),
        Layer(
            "Sources/Snapshots",
            "snapshots know the engine that they copy, and no place where they are kept but files",
            ["CairnModel", "CairnKeyspace", "CairnMemory", "CZlib", "Crypto", "Logging", "Metrics"],
            platform
        ),
        Layer(
            "Sources/Cairn",
            "the facade is what a program that embeds a store imports",
            [
                "CairnModel", "CairnKeyspace", "CairnMemory", "CairnSnapshots", "CairnSQLite", "CairnSQL",
                "CairnPostgres", "CairnMySQL",
            ],
            platform,
            observability
        ),
        Layer(
            "Sources/Transport/CairnRPC",
            "the transport knows nothing of the store",
            ["CNghttp2", "CZlib", "NIO", "SwiftASN1", "SwiftProtobuf", "X509"],
            platform,
            collections,
            observability
        ),
        Layer(
            "Sources/Service/CairnProtocol",
            "the protocol is generated messages",
            ["SwiftProtobuf", "Foundation", "FoundationEssentials"]
        ),
        Layer(
            "Sources/Service/CairnWire",
            "the translation knows the model, the messages and the transport's statuses, and neither side",
            ["CairnModel", "CairnRPC", "CairnProtocol", "SwiftProtobuf", "Foundation", "FoundationEssentials"]
        ),
        Layer(
            "Sources/Service/CairnSecurity",
            "security decides who calls and what they may do, in values, and knows no door",
            ["CairnModel", "CairnSettings", "Crypto", "JWTKit", "SwiftASN1", "X509", "Yams"],
            platform
        ),
        Layer(
            "Sources/Service/CairnServer",
            "the server puts any store behind the transport, and knows no home",
            [
                "CMalloc", "CairnModel", "CairnRPC", "CairnProtocol", "CairnSecurity", "CairnWire", "NIO",
                "SwiftProtobuf",
            ],
            platform,
            collections,
            observability,
            lifecycle
        ),
        Layer(
            "Sources/Service/CairnClient",
            "the client is a store over the transport, and doesn't know the server",
            ["CairnModel", "CairnRPC", "CairnProtocol", "CairnWire", "NIO", "SwiftProtobuf"],
            platform,
            collections,
            observability,
            lifecycle
        ),
        Layer(
            "Sources/Tools",
            "a tool wires what the facade, the server and the client give",
            [
                "Cairn", "CairnModel", "CairnServer", "CairnSecurity", "CairnSettings", "CairnClient", "CairnRPC",
                "CairnProtocol",
            ],
            ["ArgumentParser", "Histogram", "NIO", "SwiftProtobuf"],
            platform,
            collections,
            observability,
            lifecycle
        ),
        Layer(
            "Sources/Tools/CairnSettings",
            "the settings are values, read from flags, environment and file, and know nothing of what they set",
            ["Configuration", "Yams"],
            platform
        ),
        Layer(
            "Benchmarks/Baseline",
            "the baseline is a store of its own behind our server, and knows no engine",
            ["CMariaDB", "CPostgres", "CairnModel", "CairnRPC", "CairnServer"],
            platform,
            collections,
            observability,
            lifecycle
        ),
        Layer(
            "Sources/Testing/CairnConformance",
            "the conformance checks test any store, through the model alone",
            ["CairnModel", "Testing"],
            platform,
            collections
        ),
        Layer("Sources/Testing/CairnTestWaits", "waits for tests know nothing of what is waited for", platform),
        Layer("Sources/Testing/CairnTestServers", "servers for tests know nothing of the store", platform),
        Layer(
            "Sources/Testing/CairnTestSupport",
            "test support knows the model and the keyspace",
            ["CairnModel", "CairnKeyspace", "CairnTestWaits", "Logging", "Testing"],
            platform,
            collections
        ),
    ]
}
