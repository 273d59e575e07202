import Testing

@testable import Protocol

@Suite struct `Arguments` {
    @Test func `stay what they are while their vector grows`() {
        let words = (0..<100).map { Array("word \($0)".utf8) }
        let owned = OwnedArguments(words)
        let vector = ArgumentVector(capacity: 1)

        for index in 0..<words.count { vector.append(owned.arguments[index]) }

        #expect(vector.count == 100)
        #expect(vector.slice(from: 0, count: 100).arrays == words)
        #expect(vector.slice(from: 40, count: 2).arrays == Array(words[40..<42]))
    }

    @Test func `behind a place are forgotten when the vector is truncated`() {
        let owned = OwnedArguments([[1], [2], [3]])
        let vector = ArgumentVector()
        for index in 0..<3 { vector.append(owned.arguments[index]) }

        vector.truncate(to: 1)
        vector.append(owned.arguments[2])

        #expect(vector.slice(from: 0, count: 2).arrays == [[1], [3]])
    }

    @Test func `from an index on are the rest, down to none`() {
        let owned = OwnedArguments([[1], [], [3]])

        #expect(owned.arguments.from(1).arrays == [[], [3]])
        #expect(owned.arguments.from(3).count == 0)
    }
}

@Suite struct `Owned arguments` {
    @Test func `outlive what they were copied from`() {
        let copy: OwnedArguments
        do {
            let source = OwnedArguments([Array("SET".utf8), [], Array("value".utf8)])
            copy = OwnedArguments(copying: source.arguments)
        }

        #expect(copy.arguments.arrays == [Array("SET".utf8), [], Array("value".utf8)])
        #expect(copy.byteCount == 8)
    }

    @Test func `may be none`() {
        let none = OwnedArguments([])

        #expect(none.arguments.count == 0)
        #expect(none.byteCount == 0)
    }
}

@Suite struct `Lent bytes` {
    @Test func `are copied whole at every length, and nothing behind them is touched`() {
        for count in 0...64 {
            let source = (0..<count).map { UInt8($0 + 1) }
            var target = [UInt8](repeating: 0xEE, count: count + 8)

            source.withBytes { bytes in
                unsafe target.withUnsafeMutableBytes { unsafe bytes.copy(to: $0.baseAddress.unsafelyUnwrapped) }
            }

            #expect(target == source + [UInt8](repeating: 0xEE, count: 8))
        }
    }
}
