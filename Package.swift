// swift-tools-version: 6.2
// The floors of Apus, bottom up; a floor imports only floors below it. ARCHITECTURE.md says what stands on which.

import PackageDescription

let rules: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
    .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    // Debug builds, and so all unit tests, check exclusivity at run time; release trusts what they proved (docs/performance.md).
    // What one floor calls of another is inlined where that pays, also where nobody wrote @inlinable.
    .unsafeFlags(["-enforce-exclusivity=unchecked", "-cross-module-optimization"], .when(configuration: .release)),
]

func floor(_ name: String, on floors: Target.Dependency...) -> Target {
    .target(name: name, dependencies: floors, swiftSettings: rules)
}

func tests(of floor: String, with others: Target.Dependency...) -> Target {
    .testTarget(name: floor + "Tests", dependencies: [.init(stringLiteral: floor)] + others, swiftSettings: rules)
}

let package = Package(
    name: "apus",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        .target(name: "CSystem", linkerSettings: [.linkedLibrary("jemalloc")]),
        floor("Protocol", on: "CSystem"),
        floor("Keyspace", on: "Protocol", "CSystem"),
        floor("Cluster", on: "Protocol"),
        floor("Simulator", on: "Protocol", "Cluster"),
        floor("Persistence", on: "Protocol", "Keyspace"),
        floor("Configuration", on: "Protocol", "Cluster"),
        floor("Commands", on: "Protocol", "Keyspace", "Persistence"),
        floor("Server", on: "CSystem", "Protocol", "Keyspace", "Cluster", "Persistence", "Configuration", "Commands"),
        .executableTarget(
            name: "apus",
            dependencies: ["Server", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: rules
        ),
        .executableTarget(
            name: "apus-simulate",
            dependencies: ["Simulator", "Cluster", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: rules
        ),
        tests(of: "Protocol"),
        tests(of: "Keyspace", with: "Protocol"),
        tests(of: "Cluster", with: "Protocol", "Simulator"),
        tests(of: "Persistence", with: "Protocol", "Keyspace"),
        tests(of: "Configuration", with: "Protocol"),
        tests(of: "Commands", with: "Protocol", "Keyspace"),
        tests(of: "Server"),
    ]
)
