// Keys that the next commands will look up, and the elements that they will look for in what is there.

public import Protocol

/// Keys that will soon be looked up, one after the other: put in as bytes, and then made ready together.
///
/// Memory: owns its blocks; the bytes of keys and elements belong to the caller. Thread: one at a time.
@safe
public final class KeyBatch {
    public static var capacity: Int { 32 }

    /// Where in a batch a key is, or that there is none.
    public struct Place {
        let index: Int

        @inline(__always)
        fileprivate init(_ index: Int) { self.index = index }

        public static var none: Place { @inline(__always) get { Place(-1) } }
    }

    /// An element that will be sought in the value under a key.
    struct Element {
        /// The position of the key.
        let keyIndex: Int
        let bytes: Bytes
        /// Once it is needed.
        var hash: UInt64 = 0
    }

    @usableFromInline let base: UnsafeMutablePointer<Key>
    public private(set) var count = 0
    let elements: UnsafeMutablePointer<Element>
    private(set) var elementCount = 0

    public init() {
        unsafe base = .allocate(capacity: KeyBatch.capacity)
        unsafe elements = .allocate(capacity: KeyBatch.capacity)
    }

    deinit {
        unsafe base.deallocate()
        unsafe elements.deallocate()
    }

    @inlinable
    public subscript(index: Int) -> Key {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "there is no such key")
        return unsafe base[index]
    }

    /// The key at `place`, if there is one.
    @inline(__always)
    public subscript(place: Place) -> Key? {
        UInt(bitPattern: place.index) < UInt(bitPattern: count) ? unsafe base[place.index] : nil
    }

    /// Takes in a key that is not ready yet.
    @inline(__always)
    public func append(_ key: Bytes) -> Place {
        let index = count
        precondition(index < KeyBatch.capacity, "a batch of keys is full")
        unsafe (base + index).initialize(to: Key(bytes: key, hash: 0, slot: 0))
        count = index &+ 1
        return Place(index)
    }

    /// Says that `element` will be sought in the value under the key that was put in last; one for each key at the most.
    @inline(__always)
    public func seek(_ element: Bytes) {
        let index = elementCount
        precondition(index < count, "an element without a key of its own")
        unsafe (elements + index).initialize(to: Element(keyIndex: count &- 1, bytes: element))
        elementCount = index &+ 1
    }

    public func removeAll() { (count, elementCount) = (0, 0) }
}
