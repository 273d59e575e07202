// What the tests of this floor share: text as bytes, and a world to load in that is made of dictionaries.

import Configuration

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// Files by path, the commands GET and SET, and every folder but `/nonexistent`.
func environment(files: [String: String] = [:]) -> LoadingEnvironment {
    LoadingEnvironment(
        read: { path throws(Refusal) in
            guard let file = files[path] else { throw Refusal("No such file or directory") }
            return bytes(file)
        },
        expand: { pattern in
            let prefix = pattern.prefix { $0 != "*" }
            return files.keys.filter { $0.hasPrefix(prefix) }.sorted()
        },
        enterDirectory: { path throws(Refusal) in
            guard path != "/nonexistent", !path.isEmpty else { throw Refusal("No such file or directory") }
            return path.hasPrefix("/") ? path : "/start/" + path
        },
        isCommand: { ["get", "set"].contains($0) }
    )
}

func load(_ file: String, files: [String: String] = [:]) throws(LoadingError) -> Configuration {
    try Configuration.load(bytes(file), in: environment(files: files)).configuration
}

/// The value of the directive called `name`, as text.
func shown(_ name: String, in configuration: Configuration) -> String? { configuration.value(of: name).map(text) }
