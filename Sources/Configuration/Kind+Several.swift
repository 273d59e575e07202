// The kinds of values that take several arguments, each with a grammar of its own.

extension Kind where Value == [String] {
    /// The addresses to listen on; none is no TCP at all.
    static var addresses: Kind {
        Kind(
            several: { (arguments, _) throws(Refusal) in
                guard arguments.count <= 16 else { throw Refusal("Too many bind addresses specified.") }
                let addresses = arguments.map { String(decoding: $0, as: UTF8.self) }
                return addresses == [""] ? [] : addresses
            },
            show: { Array($0.joined(separator: " ").utf8) },
            lines: { value, standard in
                let arguments = value.isEmpty ? [""] : value
                return [Directive.Line(text: spelled(arguments), isDefault: value == standard)]
            }
        )
    }
}

extension Kind where Value == ShutdownOptions {
    static var shutdownOptions: Kind {
        Kind(
            several: { (arguments, _) throws(Refusal) in
                var options: ShutdownOptions = []
                guard !arguments.isEmpty else { throw Refusal.notOneOf(ShutdownOptions.names.map(\.name)) }
                for argument in arguments {
                    guard let known = ShutdownOptions.names.first(where: { $0.name == lowercased(argument) }) else {
                        throw Refusal.notOneOf(ShutdownOptions.names.map(\.name))
                    }
                    options.formUnion(known.option)
                }
                guard !options.isSuperset(of: [.save, .noSave]) else {
                    throw Refusal("shutdown options SAVE and NOSAVE can't be used simultaneously")
                }
                return options
            },
            show: { options in
                let set = ShutdownOptions.names.dropFirst().filter { options.contains($0.option) }
                return Array((set.isEmpty ? "default" : set.map(\.name).joined(separator: " ")).utf8)
            }
        )
    }
}

extension Kind where Value == KeyspaceEvents {
    static var keyspaceEvents: Kind {
        Kind(
            { text throws(Refusal) in
                guard let events = KeyspaceEvents(letters: text) else {
                    throw Refusal("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
                }
                return events
            },
            show: { $0.letters },
            write: { quoted($0.letters) }
        )
    }
}

extension Kind where Value == [SavePoint] {
    /// Pairs of seconds and changes; an empty argument takes all of them away.
    static var savePoints: Kind {
        Kind(
            several: { (arguments, current) throws(Refusal) in
                if arguments.isEmpty { return current }
                if arguments == [[]] { return [] }
                guard arguments.count.isMultiple(of: 2) else { throw Refusal("Invalid save parameters") }
                var points = current
                for index in stride(from: 0, to: arguments.count, by: 2) {
                    guard let seconds = signedInteger(arguments[index]), seconds >= 1,
                        let changes = signedInteger(arguments[index + 1]), changes >= 0
                    else { throw Refusal("Invalid save parameters") }
                    points.append(SavePoint(seconds: seconds, changes: changes))
                }
                return points
            },
            addsUp: true,
            show: { Array($0.map { "\($0.seconds) \($0.changes)" }.joined(separator: " ").utf8) },
            lines: { points, _ in
                // Always written, as Redis does: the first line read replaces the defaults, and so must be there.
                guard !points.isEmpty else { return [Directive.Line(text: Array("\"\"".utf8), isDefault: false)] }
                return points.map { Directive.Line(text: Array("\($0.seconds) \($0.changes)".utf8), isDefault: false) }
            }
        )
    }
}

extension Kind where Value == OutputBufferLimits {
    /// Groups of class, hard limit, soft limit and seconds; a class that is not named keeps its limits.
    static var outputBufferLimits: Kind {
        Kind(
            several: { (arguments, current) throws(Refusal) in
                let arguments = arguments == [[]] ? [] : arguments
                guard arguments.count.isMultiple(of: 4) else {
                    throw Refusal("Wrong number of arguments in buffer limit configuration.")
                }
                var limits = current
                for index in stride(from: 0, to: arguments.count, by: 4) {
                    guard let clientClass = ClientClass(name: arguments[index]) else {
                        throw Refusal("Invalid client class specified in buffer limit configuration.")
                    }
                    guard let hardBytes = memorySize(arguments[index + 1]).flatMap(Int.init(exactly:)),
                        let softBytes = memorySize(arguments[index + 2]).flatMap(Int.init(exactly:)),
                        let softSeconds = signedInteger(arguments[index + 3]), softSeconds >= 0
                    else {
                        throw Refusal("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
                    }
                    limits[clientClass] = OutputBufferLimit(
                        hardBytes: hardBytes,
                        softBytes: softBytes,
                        softSeconds: softSeconds
                    )
                }
                return limits
            },
            show: { limits in
                let shown = ClientClass.allCases.map { clientClass in
                    let limit = limits[clientClass]
                    return "\(clientClass.shownName) \(limit.hardBytes) \(limit.softBytes) \(limit.softSeconds)"
                }
                return Array(shown.joined(separator: " ").utf8)
            },
            lines: { limits, standard in
                ClientClass.allCases.map { clientClass in
                    let limit = limits[clientClass]
                    let sizes = "\(spelledMemorySize(limit.hardBytes)) \(spelledMemorySize(limit.softBytes))"
                    return Directive.Line(
                        text: Array("\(clientClass.writtenName) \(sizes) \(limit.softSeconds)".utf8),
                        isDefault: limit == standard[clientClass]
                    )
                }
            }
        )
    }
}

extension Kind where Value == [Double] {
    static var percentiles: Kind {
        Kind(
            several: { (arguments, _) throws(Refusal) in
                if arguments == [[]] { return [] }
                var percentiles: [Double] = []
                for argument in arguments {
                    guard let percentile = Double(String(decoding: argument, as: UTF8.self)), !percentile.isNaN else {
                        throw Refusal("Invalid latency-tracking-info-percentiles parameters")
                    }
                    guard (0...100).contains(percentile) else {
                        throw Refusal("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
                    }
                    percentiles.append(percentile)
                }
                return percentiles
            },
            show: { Array($0.map(sixDecimals).joined(separator: " ").utf8) },
            lines: { value, standard in
                let text = value.isEmpty ? "\"\"" : value.map(sixDecimals).joined(separator: " ")
                return [Directive.Line(text: Array(text.utf8), isDefault: value == standard)]
            }
        )
    }
}

extension Kind where Value == [Int] {
    /// How readily the kernel may kill the primary, a replica, and a background child.
    static var oomScores: Kind {
        Kind(
            several: { (arguments, _) throws(Refusal) in
                guard arguments.count == 3 else { throw Refusal.wrongNumberOfArguments }
                var scores: [Int] = []
                for argument in arguments {
                    guard let score = signedInteger(argument), (-2000...2000).contains(score) else {
                        throw Refusal("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
                    }
                    scores.append(score)
                }
                return scores
            },
            show: { Array($0.map(String.init).joined(separator: " ").utf8) }
        )
    }
}

extension Kind where Value == PrimaryAddress? {
    /// Host and port, or `no one`.
    static var primaryAddress: Kind {
        Kind(
            several: { (arguments, _) throws(Refusal) in
                guard arguments.count == 2 else { throw Refusal.wrongNumberOfArguments }
                if arguments.map(lowercased) == ["no", "one"] { return nil }
                guard let port = signedInteger(arguments[1]), (0...65535).contains(port) else {
                    throw Refusal("Invalid master port")
                }
                return PrimaryAddress(host: String(decoding: arguments[0], as: UTF8.self), port: port)
            },
            show: { Array(($0.map { "\($0.host) \($0.port)" } ?? "").utf8) },
            lines: { address, _ in
                guard let address else { return [] }
                return [Directive.Line(text: spelled([address.host, String(address.port)]), isDefault: false)]
            }
        )
    }
}

/// `arguments` as a line has them: in quotes only where they would not be read back without.
private func spelled(_ arguments: [String]) -> [UInt8] {
    let spelled = arguments.map { argument in
        let bytes = Array(argument.utf8)
        return splitArguments(bytes) == [bytes] ? bytes : quoted(bytes)
    }
    return Array(spelled.joined(separator: [UInt8(ascii: " ")]))
}

/// A decimal integer that may have leading zeros or a plus sign, where Redis is lenient.
private func signedInteger(_ text: [UInt8]) -> Int? { Int(String(decoding: text, as: UTF8.self)) }

/// `number`, from 0 to 100, rounded to six decimals, without the zeros at the end.
private func sixDecimals(_ number: Double) -> String {
    let millionths = Int((number * 1_000_000).rounded())
    let fraction = String(millionths % 1_000_000 + 1_000_000).dropFirst()
    let digits = fraction.reversed().drop { $0 == "0" }.reversed()
    return digits.isEmpty ? "\(millionths / 1_000_000)" : "\(millionths / 1_000_000).\(String(digits))"
}
