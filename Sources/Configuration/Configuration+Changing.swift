// CONFIG GET and CONFIG SET: looking values up by pattern, and changing several of them at once or none.

import Protocol

/// Why CONFIG SET changed nothing.
public enum ChangeError: Error, Equatable {
    case unknown(name: [UInt8])
    case refused(name: [UInt8], reason: String)

    /// The error's text, without the code that stands before it.
    public var text: [UInt8] {
        switch self {
        case .unknown(let name):
            Array("Unknown option or number of arguments for CONFIG SET - '".utf8) + name + Array("'".utf8)
        case .refused(let name, let reason):
            Array("CONFIG SET failed (possibly related to argument '".utf8) + name + Array("') - \(reason)".utf8)
        }
    }
}

/// A change that could not be made to hold, such as a port that is taken.
public struct ApplyError: Error, Equatable {
    /// The directive to blame.
    public let directive: String
    public let reason: String

    public init(directive: String, reason: String) {
        self.directive = directive
        self.reason = reason
    }
}

extension Configuration {
    /// The directives whose names match one of `patterns`, with their values: each name once, in the order of the tables.
    ///
    /// Case does not count. A pattern without `*`, `?` and `[` is a name: it also finds hidden directives, and the reply
    /// spells the name as the client did.
    public func values(matching patterns: [[UInt8]]) -> [(name: [UInt8], value: [UInt8])] {
        var spelling: [String: [UInt8]] = [:]
        var globs: [[UInt8]] = []
        for pattern in patterns {
            if pattern.contains(where: { "*?[".utf8.contains($0) }) {
                globs.append(pattern)
            } else if spelling[lowercased(pattern)] == nil {
                spelling[lowercased(pattern)] = pattern
            }
        }

        var found: [(name: [UInt8], value: [UInt8])] = []
        for directive in Directive.all {
            for name in [directive.name] + directive.aliases {
                if let asked = spelling[name] {
                    found.append((asked, directive.shown(self)))
                } else if !directive.traits.contains(.hidden), globs.contains(where: { matches(Array(name.utf8), $0) })
                {
                    found.append((Array(name.utf8), directive.shown(self)))
                }
            }
        }
        return found
    }

    /// The value of the directive called `name`, as CONFIG GET shows it; nil where there is none of that name.
    public func value(of name: String) -> [UInt8]? { Directive.named(name)?.shown(self) }

    /// Changes all of `pairs`, or nothing.
    ///
    /// - Parameter allowsProtected: whether this client may set protected directives: see `protectedConfigsPermission`.
    /// - Parameter apply: makes the new values hold, and may adjust them (`dir` becomes absolute). Called once, with the
    ///   directives whose values changed. Where it refuses, it is called again the other way round, so that it undoes what
    ///   it had already done; a refusal of that second call is ignored.
    public mutating func change(
        _ pairs: [(name: [UInt8], value: [UInt8])],
        allowsProtected: Bool,
        apply: (_ old: Configuration, _ new: inout Configuration, _ changed: [Directive]) throws(ApplyError) -> Void
    ) throws(ChangeError) {
        let directives = try Self.directives(of: pairs, allowsProtected: allowsProtected)
        var candidate = self
        for (pair, directive) in zip(pairs, directives) {
            do throws(Refusal) {
                let arguments =
                    directive.takesSeveralArguments
                    ? pair.value.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map { Array($0) }
                    : [pair.value]
                if directive.addsUp { try directive.set([[]], &candidate) }
                try directive.set(arguments, &candidate)
            } catch {
                throw .refused(name: pair.name, reason: error.reason)
            }
        }

        let changed = directives.filter { $0.shown(self) != $0.shown(candidate) }
        do throws(ApplyError) {
            try apply(self, &candidate, changed)
        } catch let refusal {
            var restored = self
            try? apply(candidate, &restored, changed)
            throw .refused(name: Self.name(of: refusal.directive, in: pairs), reason: refusal.reason)
        }
        self = candidate
    }

    /// The directives that `pairs` name, if all of them may be set.
    private static func directives(
        of pairs: [(name: [UInt8], value: [UInt8])],
        allowsProtected: Bool
    ) throws(ChangeError) -> [Directive] {
        var directives: [Directive] = []
        var names: Set<String> = []
        for (name, _) in pairs {
            guard let directive = Directive.named(lowercased(name)) else { throw .unknown(name: name) }
            if directive.traits.contains(.immutable) {
                throw .refused(name: name, reason: "can't set immutable config")
            }
            if directive.traits.contains(.protected), !allowsProtected {
                throw .refused(name: name, reason: "can't set protected config")
            }
            // By the name used: a directive and its alias may stand side by side, and the later one counts.
            guard names.insert(lowercased(name)).inserted else {
                throw .refused(name: name, reason: "duplicate parameter")
            }
            directives.append(directive)
        }
        return directives
    }

    /// How the client spelled the directive called `name`.
    private static func name(of name: String, in pairs: [(name: [UInt8], value: [UInt8])]) -> [UInt8] {
        pairs.first { Directive.named(lowercased($0.name))?.name == name }?.name ?? Array(name.utf8)
    }
}

private func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
    pattern.withBytes { pattern in name.withBytes { globMatches(pattern, $0, ignoringCase: true) } }
}
