// From the words of a request to its command: one probe by length and folded bytes.

public import Protocol

/// All commands that a server knows, by name.
///
/// Memory: owns the hash table; it is written by `init` alone. Thread: any.
@safe
public final class CommandTable: @unchecked Sendable {
    /// Every command and subcommand, in the order of their numbers; a hidden subcommand has its container's number.
    public let all: [Command]
    /// The commands that are no subcommands, as clients may call them.
    public let named: [String: Command]
    private let slots: UnsafeMutablePointer<Slot>
    private let mask: Int
    /// What spreads these very names over the slots.
    private let multiplier: UInt64

    /// A place of the hash table: a name as two words, so that comparing it is two comparisons.
    @safe
    private struct Slot {
        var name = FoldedName()
        /// Kept alive by `all`.
        var command: Unmanaged<Command>?
        /// Whether the folded name is all there is to compare.
        var isExact = false
        /// The name again where it is exact and there are no subcommands; else none that anything could have.
        var plainName = FoldedName.none

        var isPlain: Bool { plainName == name }
    }

    /// - Parameter names: what `rename-command` says: the old name to the new one, or to none where it is taken away.
    public init(families: [[Command]], renaming names: [String: String] = [:]) {
        var named: [String: Command] = [:]
        for command in families.joined() {
            let name = names[command.name] ?? command.name
            if !name.isEmpty { named[name] = command }
        }
        let declared = families.joined().sorted { $0.name < $1.name }
        all = declared.flatMap { [$0] + $0.shownSubcommands.sorted { $0.name < $1.name } }
        for (index, command) in all.enumerated() {
            command.index = index
            for subcommand in command.subcommands where subcommand.isHidden { subcommand.index = index }
        }

        // So roomy that a multiplier is soon found by which nearly every name has a place of its own.
        var capacity = 64
        while capacity < named.count * 16 { capacity *= 2 }
        unsafe slots = .allocate(capacity: capacity)
        unsafe slots.initialize(repeating: Slot(), count: capacity)
        self.named = named
        mask = capacity - 1
        let names = named.keys.sorted().map { name in (name, Array(name.lowercased().utf8).withBytes { FoldedName($0) })
        }
        multiplier = Self.multiplier(spreading: names.map(\.1), over: capacity)
        for (name, folded) in names {
            guard let command = named[name] else { continue }
            let isExact = name.utf8.count <= 16 && name.lowercased().utf8.allSatisfy { $0 &- 0x61 < 26 }
            var index = folded.place(multiplier) & mask
            while unsafe slots[index].command != nil { index = (index + 1) & mask }
            unsafe slots[index] = Slot(
                name: folded,
                command: Unmanaged.passUnretained(command),
                isExact: isExact,
                plainName: isExact && command.subcommands.isEmpty ? folded : .none
            )
        }
    }

    deinit { unsafe slots.deallocate() }

    /// The best of some numbers: the first by which no two names have the same place, if one of them is such.
    private static func multiplier(spreading names: [FoldedName], over capacity: Int) -> UInt64 {
        var best: (multiplier: UInt64, collisions: Int) = (0x9E37_79B9_7F4A_7C15, .max)
        var candidate = best.multiplier
        var lastTrial = [Int](repeating: -1, count: capacity)
        for trial in 0..<2000 where best.collisions > 0 {
            var collisions = 0
            for name in names {
                let place = name.place(candidate) & (capacity - 1)
                if lastTrial[place] == trial { collisions += 1 }
                lastTrial[place] = trial
            }
            if collisions < best.collisions { best = (candidate, collisions) }
            candidate = (candidate &* 0x5851_F42D_4C95_7F2D &+ 0x1405_7B7E_F767_814F) | 1
        }
        return best.multiplier
    }

    /// The command for a whole request, in any case: the subcommand where there is one of that name.
    public func command(for arguments: Arguments) -> Command? {
        unsafe find(arguments)?.takeUnretainedValue()
    }

    /// The same for the hot path: not retained, as it lives as long as the table.
    @unsafe @inline(__always)
    public func find(_ arguments: Arguments) -> Unmanaged<Command>? {
        // Nearly always the first place looked at is the right one: a path without calls needs no registers saved.
        let folded = FoldedName(arguments[0])
        let slot = unsafe slots + (folded.place(multiplier) & mask)
        if unsafe slot.pointee.plainName == folded { return unsafe slot.pointee.command }
        return unsafe findThoroughly(arguments)
    }

    @inline(never)
    @unsafe
    private func findThoroughly(_ arguments: Arguments) -> Unmanaged<Command>? {
        let name = arguments[0]
        let folded = FoldedName(name)
        var index = folded.place(multiplier) & mask
        while let command = unsafe slots[index].command {
            if unsafe slots[index].name == folded, unsafe slots[index].isExact || isSpelled(command, name) {
                guard unsafe !slots[index].isPlain, arguments.count > 1 else { return unsafe command }
                return unsafe subcommand(of: command, arguments[1])
            }
            index = (index &+ 1) & mask
        }
        return nil
    }

    /// The subcommand of that name, or the command itself where there is none.
    @unsafe
    private func subcommand(of container: Unmanaged<Command>, _ name: Bytes) -> Unmanaged<Command> {
        let subcommands = unsafe container.takeUnretainedValue().subcommands
        return unsafe subcommands.first { name.isWord($0.ownName) }.map { unsafe .passUnretained($0) } ?? container
    }

    /// What two words cannot tell: a name longer than they are, or one with other characters than letters.
    @unsafe
    private func isSpelled(_ command: Unmanaged<Command>, _ name: Bytes) -> Bool {
        let command = unsafe command.takeUnretainedValue()
        return named.contains { $0.value === command && name.isWord($0.key) }
    }

    /// The command of a name as COMMAND INFO takes it: `get`, `config|get`, in small letters.
    public func command(spelled name: String) -> Command? {
        named[name] ?? all.first { $0.name == name && name.contains("|") }
    }
}

/// A command's name in a form that is compared at once: its first and last eight bytes with capitals made small.
private struct FoldedName: Equatable {
    var head: UInt64 = 0
    var tail: UInt64 = 0
    var count = 0

    /// The name of nothing.
    static var none: FoldedName {
        var name = FoldedName()
        name.count = -1
        return name
    }

    init() {}

    @inline(__always)
    init(_ name: Bytes) {
        count = name.count
        // Setting this bit makes a capital small. It also makes some other characters alike, but none a letter: a name of
        // letters alone is told exactly.
        let fold: UInt64 = 0x2020_2020_2020_2020
        if count >= 8 {
            head = name.word64(at: 0) | fold
            tail = name.word64(at: count &- 8) | fold
        } else if count >= 4 {
            head = UInt64(name.word32(at: 0)) | fold
            tail = UInt64(name.word32(at: count &- 4)) | fold
        } else if count >= 2 {
            head = UInt64(name.word16(at: 0)) | fold
            tail = UInt64(name.word16(at: count &- 2)) | fold
        } else if count == 1 {
            head = UInt64(name[0]) | fold
        }
    }

    /// - Parameter multiplier: odd, with ones and zeros all over.
    @inline(__always)
    func place(_ multiplier: UInt64) -> Int {
        let mixed = (head ^ (tail << 7 &+ UInt64(truncatingIfNeeded: count))) &* multiplier
        return Int(truncatingIfNeeded: mixed >> 40)
    }
}

@inline(__always)
func folded(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

extension Bytes {
    /// Whether these bytes are `word` in any case.
    @_disfavoredOverload
    public func isWord(_ word: some StringProtocol) -> Bool {
        guard count == word.utf8.count else { return false }
        var index = 0
        for byte in word.utf8 {
            guard folded(self[index]) == folded(byte) else { return false }
            index += 1
        }
        return true
    }

    /// Whether these bytes are `word` in any case: the form that commands use for their options, most of which are told
    /// from most words by their length.
    @inline(__always)
    public func isWord(_ word: StaticString) -> Bool { count == word.utf8CodeUnitCount && isWordOfSameLength(word) }

    private func isWordOfSameLength(_ word: StaticString) -> Bool {
        for index in 0..<count {
            guard unsafe folded(self[index]) == folded(word.utf8Start[index]) else { return false }
        }
        return true
    }
}
