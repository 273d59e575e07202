// How much memory the process takes, and for what: jemalloc's figures, the kernel's, and the shards' own counts.

internal import CSystem
internal import Glibc
internal import Keyspace
internal import Protocol

/// One look at the memory, in bytes. In an exclusive section.
struct MemoryReport {
    /// What counts against `maxmemory`: keyspaces, clients, and what the process takes otherwise.
    let used: Int
    let resident: Int
    let peak: Int
    let startup: Int
    let allocated: Int
    let active: Int
    let allocatorResident: Int
    let clients: Int
    /// Entries, values and tables of all shards.
    let keyspace: Int
    let tables: Int
    let system: Int

    /// What is no data: buffers of clients, tables, and what the process began with.
    var overhead: Int { startup + clients + tables }
    var dataset: Int { max(0, used - overhead) }

    init(node: Node) {
        apus_refresh_allocator_statistics()
        // The shards' own blocks and pages are unknown to jemalloc; what is free among them is resident as a rule, and
        // active where it lies between blocks.
        let mapped = node.shards.reduce(0) { $0 + $1.keyspace.mappedBytes }
        let unused = node.shards.reduce(0) { $0 + $1.keyspace.unusedChunkBytes }
        let free = node.shards.reduce(0) { $0 + $1.keyspace.freeChunkBytes }
        allocated = unsafe Int(apus_allocator_statistic("stats.allocated")) + mapped
        active = unsafe Int(apus_allocator_statistic("stats.active")) + mapped + unused - free
        allocatorResident = unsafe Int(apus_allocator_statistic("stats.resident")) + mapped + unused
        keyspace = node.shards.reduce(0) { $0 + $1.keyspace.usedBytes }
        tables = node.shards.reduce(0) { $0 + $1.keyspace.tableBytes }
        clients = node.allClients.reduce(0) { $0 + $1.memoryByteCount }
        startup = node.memory.baseBytes
        used = startup + keyspace + clients
        resident = Self.residentByteCount()
        node.peakMemory = max(node.peakMemory, used)
        peak = node.peakMemory
        system = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    }

    private static func residentByteCount() -> Int {
        guard let text = Files.read("/proc/self/statm")?.text else { return 0 }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }
}
