// What the server calls itself, and which Redis its clients may take it for.

enum Product {
    static let name = "Apus"
    static let version = "0.1.0"
    /// The Redis whose replies, protocol and formats this server follows: what clients choose their ways by.
    static let compatibleVersion = "7.0.15"
}
