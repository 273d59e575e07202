// How SORT makes the name of a key of an element: `weight_*`, with the element in the star's place.

internal import Keyspace
internal import Protocol

/// The pattern behind BY or GET. `name_*->field` means a field of the hash under the key.
///
/// Memory: a view of the argument, and of the name it makes; good for the length of the call.
struct SortPattern {
    private let text: Bytes
    /// Where the element goes; nil where it goes nowhere.
    private let star: Int?
    /// Where the name of the key ends.
    private let end: Int
    /// The name that was made last: one array for all elements.
    fileprivate private(set) var name: [UInt8] = []

    init(_ text: Bytes) {
        self.text = text
        star = (0..<text.count).first { text[$0] == UInt8(ascii: "*") }
        let arrow = star.flatMap { star in
            // An arrow with nothing behind it is part of the name.
            (star..<max(star, text.count - 2)).first { text[$0..<$0 + 2].isWord("->") }
        }
        end = arrow ?? text.count
    }

    /// Whether there is a place for the element. Without one the pattern stands for no key at all.
    var hasPlace: Bool { star != nil }

    /// `#`, which stands for the element itself.
    var isElement: Bool { text.count == 1 && text[0] == UInt8(ascii: "#") }

    /// What is behind the arrow.
    var field: Bytes? { end < text.count ? text[end + 2..<text.count] : nil }

    /// Makes the name of the key for `element`.
    mutating func substitute(_ element: Bytes) {
        guard let star else { return }
        name.removeAll(keepingCapacity: true)
        name.append(text[0..<star])
        name.append(element)
        name.append(text[star + 1..<end])
    }

    /// Whether all names lie in the slot of the sorted key, as they must in a cluster.
    func staysInSlot(of call: Call) -> Bool {
        !call.isClusterEnabled || (hasFixedSlot && hashSlot(of: text) == call.key(1).slot)
    }

    /// Whether the names' slot is known before the element is: nothing that a glob would take for a wild card comes before
    /// the end of the hash tag.
    private var hasFixedSlot: Bool {
        var open: Int?
        for index in 0..<text.count {
            switch text[index] {
            case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "\\"): return false
            case UInt8(ascii: "{") where open == nil: open = index
            case UInt8(ascii: "}"):
                // An empty tag is none, and then all of the name counts.
                if let open, index > open + 1 { return true }
            default: break
            }
        }
        return true
    }
}

extension Call {
    /// Lends the string under the key that `pattern` has named last, or the value of the field of a hash, or nil where
    /// there is none.
    func dereference<Result>(_ pattern: SortPattern, _ body: (StringValue?) -> Result) -> Result {
        guard pattern.hasPlace else { return body(nil) }
        return pattern.name.withBytes { name in
            let key = keyspace.key(name)
            guard let entry = read(key) else { return body(nil) }
            guard let field = pattern.field else { return body(entry.isString ? entry.string : nil) }
            guard entry.type == .hash else { return body(nil) }
            return body(HashValue(entry: entry, keyspace: keyspace(of: key)).find(field)?.value)
        }
    }
}
