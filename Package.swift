// swift-tools-version: 6.2
import PackageDescription

// Swift 6 mode, warnings are errors, and the stricter rules that later language modes bring.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
]

let package = Package(
    name: "cairn",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Cairn", targets: ["Cairn"]),
        .library(name: "CairnModel", targets: ["CairnModel"]),
        .library(name: "CairnRPC", targets: ["CairnRPC"]),
        .library(name: "CairnServer", targets: ["CairnServer"]),
        .library(name: "CairnClient", targets: ["CairnClient"]),
        .library(name: "CairnConformance", targets: ["CairnConformance"]),
        .executable(name: "cairn", targets: ["cairn"]),
    ],
    traits: [
        .trait(name: "SQLite", description: "The SQLite home (needs Debian's libsqlite3-dev)."),
        .trait(name: "Postgres", description: "The PostgreSQL home (needs Debian's libpq-dev)."),
        .trait(name: "MySQL", description: "The MySQL and MariaDB home (needs Debian's libmariadb-dev)."),
        .default(enabledTraits: ["SQLite", "Postgres", "MySQL"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // Model: the contract. No I/O.
        .target(name: "CairnModel", path: "Sources/Model"),
        // Keyspace: the rules, and a Store over any Engine.
        .target(name: "CRE2", path: "Sources/System/CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .target(
            name: "CairnKeyspace",
            dependencies: [
                "CairnModel", "CRE2", .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            path: "Sources/Keyspace"
        ),
        // Engines: homes whose rules are ours.
        .target(
            name: "CairnMemory",
            dependencies: [
                "CairnModel", "CairnKeyspace", .product(name: "HashTreeCollections", package: "swift-collections"),
            ],
            path: "Sources/Engines/CairnMemory"
        ),
        .target(
            name: "CairnSQLite",
            dependencies: [
                "CairnModel", "CairnKeyspace", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "Sources/Engines/CairnSQLite"
        ),
        // What the homes on a database server have in common.
        .target(
            name: "CairnSQL",
            dependencies: [
                "CairnModel", "CairnKeyspace", .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            path: "Sources/Engines/CairnSQL"
        ),
        .systemLibrary(
            name: "CPostgres", path: "Sources/System/CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "CairnPostgres",
            dependencies: [
                "CPostgres", "CairnModel", "CairnKeyspace", "CairnSQL", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Engines/CairnPostgres"
        ),
        .systemLibrary(
            name: "CMariaDB", path: "Sources/System/CMariaDB", pkgConfig: "libmariadb",
            providers: [.apt(["libmariadb-dev"])]),
        .target(
            name: "CairnMySQL",
            dependencies: [
                "CMariaDB", "CairnModel", "CairnKeyspace", "CairnSQL", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Engines/CairnMySQL"
        ),
        // Snapshots: copies of a store in memory that outlive it.
        .systemLibrary(
            name: "CZlib", path: "Sources/System/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "CairnSnapshots",
            dependencies: [
                "CZlib", "CairnModel", "CairnKeyspace", "CairnMemory",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            path: "Sources/Snapshots"
        ),
        // Cairn: what a program that embeds a store imports.
        .target(
            name: "Cairn",
            dependencies: [
                "CairnModel", "CairnKeyspace", "CairnMemory", "CairnSnapshots",
                .target(name: "CairnSQLite", condition: .when(traits: ["SQLite"])),
                .target(name: "CairnSQL", condition: .when(traits: ["Postgres", "MySQL"])),
                .target(name: "CairnPostgres", condition: .when(traits: ["Postgres"])),
                .target(name: "CairnMySQL", condition: .when(traits: ["MySQL"])),
            ],
            path: "Sources/Cairn"
        ),
        // Transport: gRPC. Knows nothing of the store.
        .systemLibrary(
            name: "CNghttp2",
            path: "Sources/System/CNghttp2",
            pkgConfig: "libnghttp2",
            providers: [.apt(["libnghttp2-dev"])]
        ),
        .target(
            name: "CairnRPC",
            dependencies: [
                "CNghttp2",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "X509", package: "swift-certificates"),
            ],
            path: "Sources/Transport/CairnRPC",
            linkerSettings: [.linkedLibrary("z")]
        ),
        // Security: who calls, and what they may do. No I/O.
        .target(
            name: "CairnSecurity",
            dependencies: [
                "CairnModel", "CairnSettings", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "Yams", package: "Yams"),
            ],
            path: "Sources/Service/CairnSecurity"
        ),
        // Service: the store behind the transport.
        .systemLibrary(name: "CMalloc", path: "Sources/System/CMalloc"),
        .target(
            name: "CairnProtocol",
            dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
            path: "Sources/Service/CairnProtocol"
        ),
        .target(
            name: "CairnWire",
            dependencies: [
                "CairnModel", "CairnRPC", "CairnProtocol",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            path: "Sources/Service/CairnWire"
        ),
        .target(
            name: "CairnServer",
            dependencies: [
                "CMalloc", "CairnModel", "CairnRPC", "CairnProtocol", "CairnSecurity", "CairnWire",
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Service/CairnServer"
        ),
        .target(
            name: "CairnClient",
            dependencies: [
                "CairnModel", "CairnRPC", "CairnProtocol", "CairnWire", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Service/CairnClient"
        ),
        // Tools
        .target(
            name: "CairnSettings",
            dependencies: [
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Yams", package: "Yams"),
            ],
            path: "Sources/Tools/CairnSettings"
        ),
        .executableTarget(
            name: "cairn",
            dependencies: [
                "Cairn", "CairnModel", "CairnServer", "CairnSecurity", "CairnSettings", "CairnClient", "CairnRPC",
                "CairnProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Tools/cairn"
        ),
        // Benchmarks: what `make bench` compares with. Not a product.
        .executableTarget(
            name: "cairn-baseline",
            dependencies: [
                "CMariaDB", "CPostgres", "CairnModel", "CairnServer", "CairnRPC",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Benchmarks/Baseline"
        ),
        // Examples, run by the tests.
        .executableTarget(name: "example-embedded", dependencies: ["Cairn"], path: "Examples/Embedded"),
        .executableTarget(
            name: "example-client", dependencies: ["CairnClient", "CairnModel", "CairnRPC"], path: "Examples/Client"),
        // Testing
        .target(name: "CairnTestWaits", path: "Sources/Testing/CairnTestWaits"),
        .target(name: "CairnConformance", dependencies: ["CairnModel"], path: "Sources/Testing/CairnConformance"),
        .target(
            name: "CairnTestSupport",
            dependencies: ["CairnModel", "CairnKeyspace", "CairnTestWaits"],
            path: "Sources/Testing/CairnTestSupport"
        ),
        // Real servers for tests; knows nothing of the store.
        .target(name: "CairnTestServers", path: "Sources/Testing/CairnTestServers"),
        .testTarget(name: "ModelTests", dependencies: ["CairnModel"]),
        .testTarget(
            name: "KeyspaceTests",
            dependencies: ["CairnKeyspace", "CairnMemory", "CairnTestSupport", "CairnTestWaits"]
        ),
        .testTarget(name: "MemoryTests", dependencies: ["CairnMemory", "CairnConformance", "CairnTestSupport"]),
        .testTarget(
            name: "SnapshotTests",
            dependencies: [
                "CairnSnapshots", "CairnSQLite", "CairnPostgres", "CairnMemory", "CairnKeyspace", "CairnModel",
                "CairnTestSupport", "CairnTestServers", "CairnTestWaits",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ]
        ),
        .testTarget(
            name: "SQLiteTests",
            dependencies: [
                "CairnSQLite", "CairnMemory", "CairnConformance", "CairnTestSupport", "CairnTestWaits",
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ]
        ),
        .testTarget(
            name: "SQLTests",
            dependencies: ["CairnSQL", "CairnMemory", "CairnTestSupport", "CairnTestWaits"]
        ),
        .testTarget(
            name: "PostgresTests",
            dependencies: [
                "CairnPostgres", "CairnSQL", "CPostgres", "CairnMemory", "CairnConformance", "CairnTestSupport",
                "CairnTestServers", "CairnTestWaits",
            ]
        ),
        .testTarget(
            name: "MySQLTests",
            dependencies: [
                "CairnMySQL", "CairnSQL", "CMariaDB", "CairnMemory", "CairnConformance", "CairnTestSupport",
                "CairnTestServers", "CairnTestWaits",
            ]
        ),
        .testTarget(name: "TestServersTests", dependencies: ["CairnTestServers", "CairnTestWaits"]),
        .testTarget(
            name: "RPCTests",
            dependencies: [
                "CairnRPC", "CNghttp2", "CairnTestWaits",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]
        ),
        .testTarget(
            name: "ServiceTests",
            dependencies: [
                "CairnServer", "CairnClient", "CairnModel", "CairnKeyspace", "CairnMemory", "CairnSQLite", "CairnRPC",
                "CairnProtocol", "CairnSecurity", "CairnWire",
                "CairnConformance", "CairnTestSupport", "CairnTestWaits",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "CairnModel", "CairnClient", "CairnRPC", "CairnConformance", "CairnTestSupport", "CairnTestServers",
                "CairnTestWaits", .product(name: "Crypto", package: "swift-crypto"),
            ]
        ),
        .testTarget(
            name: "SecurityTests",
            dependencies: [
                "CairnSecurity", "CairnModel", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
            ]
        ),
        .testTarget(name: "SettingsTests", dependencies: ["CairnSettings"]),
        .testTarget(name: "TidyTests"),
    ]
)

for target in package.targets where target.type != .system && target.type != .plugin {
    target.swiftSettings = (target.swiftSettings ?? []) + settings
}
