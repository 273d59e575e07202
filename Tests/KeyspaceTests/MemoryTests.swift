import CSystem
import Protocol
import Testing

@testable import Keyspace

@Suite struct SizeClasses {
    @Test func `are in steps of 8, then sixteen to a doubling, and those of jemalloc for large blocks`() {
        for byteCount in 1...128 { #expect(SizeClass.byteCount(byteCount) == (byteCount + 7) / 8 * 8) }
        for (byteCount, expected) in [
            (129, 136), (255, 256), (256, 256), (257, 272), (512, 512), (513, 544), (1000, 1024), (1025, 1088),
            (7350, 7424), (16383, 16384), (16384, 16384),
        ] { #expect(SizeClass.byteCount(byteCount) == expected, "\(byteCount)") }
        for byteCount in Array(16385...70_000) + [1 << 20, 1 << 20 + 1, 5_000_000, 1 << 30] {
            #expect(SizeClass.byteCount(byteCount) == apus_size_class(byteCount), "\(byteCount)")
        }
    }

    @Test func `are numbered in the order of their sizes`() {
        var previous = 0
        for byteCount in 1...SizeClass.greatest {
            let index = SizeClass.index(byteCount)
            #expect(SizeClass.byteCount(ofIndex: index) == SizeClass.byteCount(byteCount))
            #expect(index == previous || index == previous + 1)
            previous = index
        }
        #expect(previous == SizeClass.count - 1)
    }
}

/// A block, filled with a byte of its own, so that two that overlap are found out.
@safe
private struct Block {
    let base: UnsafeMutableRawPointer
    let byteCount: Int
    let mark: UInt8

    init(_ base: UnsafeMutableRawPointer, _ byteCount: Int, mark: UInt8) {
        unsafe self.base = base
        self.byteCount = byteCount
        self.mark = mark
        unsafe base.initializeMemory(as: UInt8.self, repeating: mark, count: byteCount)
    }

    /// Looks at every seventh byte: no block is smaller than eight.
    func isWhole(upTo count: Int? = nil) -> Bool {
        stride(from: 0, to: count ?? byteCount, by: 7).allSatisfy {
            unsafe base.load(fromByteOffset: $0, as: UInt8.self) == mark
        }
    }

    func free(to memory: Memory) { unsafe memory.free(base, byteCount: byteCount) }
}

private struct Blocks {
    let memory = Memory()
    var blocks: [Block] = []

    var classBytes: Int { blocks.reduce(0) { $0 + SizeClass.byteCount($1.byteCount) } }
    /// What the kernel has given and not got back.
    var heldBytes: Int { memory.usedBytes + memory.unusedChunkBytes }
    var areWhole: Bool { blocks.allSatisfy { $0.isWhole() } }

    mutating func allocate(_ byteCount: Int, _ mark: Int) {
        unsafe blocks.append(Block(memory.allocate(byteCount), byteCount, mark: UInt8(truncatingIfNeeded: mark)))
    }

    mutating func free(_ index: Int) {
        blocks[index].free(to: memory)
        blocks.swapAt(index, blocks.count - 1)
        blocks.removeLast()
    }

    mutating func resize(_ index: Int, to byteCount: Int) {
        let block = blocks[index]
        let base = unsafe memory.resize(block.base, from: block.byteCount, to: byteCount)
        let kept = (0..<min(block.byteCount, byteCount)).allSatisfy {
            unsafe base.load(fromByteOffset: $0, as: UInt8.self) == block.mark
        }
        #expect(kept)
        blocks[index] = unsafe Block(base, byteCount, mark: block.mark)
    }

    mutating func end() {
        while !blocks.isEmpty { free(blocks.count - 1) }
        #expect(memory.usedBytes == 0)
        memory.dispose()
    }
}

@Suite struct MemoryTests {
    @Test(arguments: 1...8)
    func `never gives a byte to two, and counts all`(seed: UInt64) {
        var random = SplitMix(state: seed)
        var blocks = Blocks()
        func chance(_ below: Int) -> Int { Int(random.next() % UInt64(below)) }
        // Few sizes for long lists of one class, all for every class; now and then a large one.
        func size() -> Int {
            switch chance(8) {
            case 0...4: 8 + chance(60)
            case 5, 6: 1 + chance(SizeClass.greatest)
            default: SizeClass.greatest - 50 + chance(40_000)
            }
        }
        for step in 0..<6000 {
            let isGrowing = step % 2000 < 1200
            if blocks.blocks.isEmpty || chance(10) < (isGrowing ? 7 : 3) {
                blocks.allocate(size(), step)
            } else {
                let index = chance(blocks.blocks.count)
                #expect(blocks.blocks[index].isWhole())
                if chance(4) == 0 { blocks.resize(index, to: size()) } else { blocks.free(index) }
            }
            if step % 500 == 0 { _ = blocks.memory.releasePages(budget: 3, keepsSome: chance(2) == 0) }
            #expect(blocks.memory.usedBytes == blocks.classBytes)
            #expect(blocks.memory.unusedChunkBytes >= 0)
        }
        #expect(blocks.areWhole)
        blocks.end()
    }

    @Test func `aligns blocks of 64 bytes to cache lines`() {
        var blocks = Blocks()
        for _ in 0..<1000 { blocks.allocate(64, 1) }
        #expect(blocks.blocks.allSatisfy { unsafe Int(bitPattern: $0.base) % 64 == 0 })
        blocks.end()
    }

    @Test func `gives nearly all back to the kernel when little is left`() {
        var blocks = Blocks()
        for _ in 0..<2000 { blocks.allocate(10_000, 7) }
        #expect(blocks.heldBytes >= 19 << 20)
        while blocks.blocks.count > 10 { blocks.free(blocks.blocks.count - 1) }

        var rounds = 0
        while blocks.memory.releasePages(budget: 1) { rounds += 1 }
        #expect(rounds > 3)
        #expect(blocks.heldBytes < 7 << 20)
        _ = blocks.memory.releasePages(budget: .max, keepsSome: false)
        #expect(blocks.heldBytes <= 512 << 10)
        #expect(blocks.areWhole)

        for _ in 0..<1000 { blocks.allocate(10_000, 8) }
        #expect(blocks.areWhole)
        blocks.end()
    }

    @Test func `has its regions side by side, so that the kernel sees few of them`() async {
        // In a process of its own: other tests map pages meanwhile, now and then right where the next region was to be.
        await #expect(processExitsWith: .success) {
            var blocks = Blocks()
            for _ in 0..<800 { blocks.allocate(16_000, 1) }  // seven regions
            let addresses = blocks.blocks.map { unsafe Int(bitPattern: $0.base) >> 18 }.sorted()
            let breaks = zip(addresses, addresses.dropFirst()).filter { $1 - $0 > 1 }.count
            #expect(addresses[addresses.count - 1] - addresses[0] > 48)
            #expect(breaks < 4)
            blocks.end()
        }
    }

    @Test func `takes back what another shard frees, while it goes on itself`() async {
        let (memory, other) = (Memory(), Memory())
        let given = Blocks.many(of: memory)
        let whole = given.reduce(0) { $0 + SizeClass.byteCount($1.byteCount) }
        memory.handOver(whole, to: other)
        #expect(memory.usedBytes == 0 && other.usedBytes == whole)

        let receiver = Receiver(blocks: given, memory: other)
        let task = Task.detached { receiver.freeAll() }
        let own = Blocks.many(of: memory)
        await task.value
        #expect(other.usedBytes == 0)
        #expect(own.allSatisfy { $0.isWhole() })

        // What has come back serves again, before there is anything new.
        let held = memory.usedBytes + memory.unusedChunkBytes
        let more = Blocks.many(of: memory)
        #expect(memory.usedBytes + memory.unusedChunkBytes <= held + 4 << 20)
        #expect(own.allSatisfy { $0.isWhole() })
        for block in own + more { block.free(to: memory) }
        #expect(memory.usedBytes == 0)
        memory.dispose()
        other.dispose()
    }
}

/// Blocks that another thread has: nobody else touches them, nor the memory that they go to.
private struct Receiver: @unchecked Sendable {
    let blocks: [Block]
    let memory: Memory

    func freeAll() { for block in blocks { block.free(to: memory) } }
}

extension Blocks {
    /// Blocks of many classes.
    fileprivate static func many(of memory: Memory) -> [Block] {
        (0..<20_000).map { index in
            let byteCount = 8 + index % 400
            return unsafe Block(memory.allocate(byteCount), byteCount, mark: UInt8(truncatingIfNeeded: index))
        }
    }
}
