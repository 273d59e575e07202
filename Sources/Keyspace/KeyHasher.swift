// The hash of a key: where it lies in a table. Short keys in two multiplications; not to be foreseen from outside.

public import Protocol

/// Hashes bytes by folded multiplication: the 128-bit product of two mixed words, its halves xored.
///
/// All shards of a process share one seed, so that a hash found by one is good for another. The seed must be secret and
/// random: who knows it can aim many keys at one bucket.
///
/// - Source: the idea of wyhash (Wang Yi) and its kin: one wide multiplication mixes 128 bits better than many shifts.
struct KeyHasher {
    private let first: UInt64
    private let second: UInt64

    init(seed: UInt64) {
        var generator = SplitMix(state: seed)
        first = generator.next()
        second = generator.next() | 1
    }

    @inline(__always)
    func hash(of key: Bytes) -> UInt64 {
        let count = key.count
        var state = first
        var low: UInt64 = 0
        var high: UInt64 = 0
        if count > 16 {
            var offset = 0
            repeat {
                state = fold(unsafe key.word(at: offset) ^ second, unsafe key.word(at: offset + 8) ^ state)
                offset += 16
            } while count - offset > 16
            unsafe low = key.word(at: count - 16)
            unsafe high = key.word(at: count - 8)
        } else if count >= 8 {
            unsafe low = key.word(at: 0)
            unsafe high = key.word(at: count - 8)  // overlaps the first below 16: the length tells them apart
        } else if count >= 4 {
            unsafe low = key.halfWord(at: 0)
            unsafe high = key.halfWord(at: count - 4)
        } else if count > 0 {
            low = UInt64(key[0]) | UInt64(key[count / 2]) << 8 | UInt64(key[count - 1]) << 16
        }
        return fold(fold(low ^ second, high ^ state) ^ UInt64(truncatingIfNeeded: count), second)
    }

    @inline(__always)
    private func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}

/// A small generator of random numbers: SplitMix64 (Steele, Lea, Flood 2014). Good for seeds and for sampling.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

extension Bytes {
    /// Eight bytes from `offset`, which must all lie within.
    @unsafe @inline(__always)
    func word(at offset: Int) -> UInt64 {
        assert(offset >= 0 && offset + 8 <= count)
        return unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// Four bytes from `offset`, which must all lie within.
    @unsafe @inline(__always)
    func halfWord(at offset: Int) -> UInt64 {
        assert(offset >= 0 && offset + 4 <= count)
        return UInt64(unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// Whether both hold the same bytes. Short ones are compared in place: a call of `memcmp` costs as much as a lookup.
    @inline(__always)
    public func isEqual(to other: Bytes) -> Bool {
        guard count == other.count else { return false }
        if count > 16 {
            var offset = 0
            while offset < count &- 8 {
                guard unsafe word(at: offset) == other.word(at: offset) else { return false }
                offset &+= 8
            }
            return unsafe word(at: count &- 8) == other.word(at: count &- 8)
        }
        if count >= 8 {
            guard unsafe word(at: 0) == other.word(at: 0) else { return false }
            return unsafe word(at: count &- 8) == other.word(at: count &- 8)
        }
        if count >= 4 {
            guard unsafe halfWord(at: 0) == other.halfWord(at: 0) else { return false }
            return unsafe halfWord(at: count - 4) == other.halfWord(at: count - 4)
        }
        var offset = 0
        while offset < count {
            guard self[offset] == other[offset] else { return false }
            offset += 1
        }
        return true
    }
}
