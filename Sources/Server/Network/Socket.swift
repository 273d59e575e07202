// TCP and Unix sockets: opened, listened on, accepted from; the system's calls and their errors, and nothing of Apus.

internal import CSystem
internal import Glibc

/// A failed call to the system: what was tried and why it was refused.
struct SystemError: Error, CustomStringConvertible {
    let operation: String
    let code: Int32

    init(_ operation: String, code: Int32 = errno) {
        self.operation = operation
        self.code = code
    }

    var reason: String { unsafe String(cString: strerror(code)) }
    var description: String { "\(operation): \(reason)" }
}

/// One end of a connection, as numbers and names.
struct SocketAddress: Equatable, Sendable {
    var host: String
    var port: Int

    /// `127.0.0.1:6379`, `[::1]:6379`; a Unix socket is `path:0`.
    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" || host.hasPrefix("::ffff:127.") }
}

enum Socket {
    /// Listens on `port` of `host`, an address or `*` (all of IPv4) or `::*` (all of IPv6).
    static func listen(host: String, port: Int, backlog: Int) throws(SystemError) -> Int32 {
        let node = host == "*" ? "0.0.0.0" : host == "::*" ? "::" : host
        let (file, address, length) = try resolved(node, port, passive: true)
        var (one, storage): (Int32, sockaddr_storage) = (1, address)
        unsafe setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        if storage.ss_family == UInt16(AF_INET6) {
            unsafe setsockopt(file, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, 4)
        }
        let bound = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(file, $0, length) }
        }
        guard bound == 0, Glibc.listen(file, Int32(clamping: backlog)) == 0 else {
            defer { close(file) }
            throw SystemError("bind")
        }
        return file
    }

    /// Listens on a Unix socket; what lay at `path` before is removed.
    static func listen(path: String, permissions: UInt32, backlog: Int) throws(SystemError) -> Int32 {
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { throw SystemError("creating socket") }
        unsafe unlink(path)
        var address = sockaddr_un()
        address.sun_family = UInt16(AF_UNIX)
        let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
            guard path.utf8.count < room.count else { return false }
            unsafe room.copyBytes(from: path.utf8)
            return true
        }
        guard fits else {
            close(file)
            throw SystemError("the Unix socket's path is too long", code: ENAMETOOLONG)
        }
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(file, $0, UInt32(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, Glibc.listen(file, Int32(clamping: backlog)) == 0 else {
            defer { close(file) }
            throw SystemError("bind")
        }
        if permissions != 0 { unsafe chmod(path, permissions) }
        return file
    }

    /// Begins a connection to `host`, an address; the descriptor becomes writable when it is made or refused.
    static func connect(host: String, port: Int, from source: String? = nil) throws(SystemError) -> Int32 {
        let (file, address, length) = try resolved(host, port, passive: false)
        var storage = address
        if let source, !source.isEmpty { bindSource(file, source) }
        let status = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe Glibc.connect(file, $0, length) }
        }
        guard status == 0 || errno == EINPROGRESS else {
            defer { close(file) }
            throw SystemError("connect")
        }
        return file
    }

    /// The next waiting connection, non-blocking, or nil when none waits.
    static func accept(_ listener: Int32) throws(SystemError) -> Int32? {
        while true {
            let file = apus_accept(listener)
            if file >= 0 { return file }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EAGAIN: return nil
            default: throw SystemError("accept")
            }
        }
    }

    /// Sends small packets at once, and asks after silent peers every `keepAlive` seconds (0: never).
    static func tune(_ file: Int32, keepAlive: Int) {
        var one: Int32 = 1
        unsafe setsockopt(file, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        guard keepAlive > 0 else { return }
        var (idle, interval, count) = (Int32(clamping: keepAlive), max(1, Int32(clamping: keepAlive / 3)), Int32(3))
        unsafe setsockopt(file, SOL_SOCKET, SO_KEEPALIVE, &one, 4)
        unsafe setsockopt(file, Int32(IPPROTO_TCP), TCP_KEEPIDLE, &idle, 4)
        unsafe setsockopt(file, Int32(IPPROTO_TCP), TCP_KEEPINTVL, &interval, 4)
        unsafe setsockopt(file, Int32(IPPROTO_TCP), TCP_KEEPCNT, &count, 4)
    }

    /// Takes the simplest congestion control: between two processes of one machine there is no congestion, and what the
    /// system has for the rest of the world costs something for every packet (a pacing timer, if that is BBR).
    static func expectNoCongestion(_ file: Int32) {
        let name: StaticString = "reno"  // every kernel has it, and lets everybody have it
        unsafe setsockopt(file, Int32(IPPROTO_TCP), TCP_CONGESTION, name.utf8Start, UInt32(name.utf8CodeUnitCount))
    }

    /// Why a connection failed; 0 for not at all.
    static func pendingError(_ file: Int32) -> Int32 {
        var (code, length): (Int32, UInt32) = (0, 4)
        unsafe getsockopt(file, SOL_SOCKET, SO_ERROR, &code, &length)
        return code
    }

    static func peer(of file: Int32) -> SocketAddress? { unsafe address { unsafe getpeername(file, $0, $1) } }
    static func local(of file: Int32) -> SocketAddress? { unsafe address { unsafe getsockname(file, $0, $1) } }

    // MARK: Addresses

    private static func address(
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = UInt32(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: 64)
        let port: Int? = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard unsafe ask(address, &length) == 0 else { return nil }
                switch unsafe Int32(address.pointee.sa_family) {
                case AF_INET, AF_INET6:
                    var service = [CChar](repeating: 0, count: 16)
                    let flags = NI_NUMERICHOST | NI_NUMERICSERV
                    guard unsafe getnameinfo(address, length, &host, 64, &service, 16, flags) == 0 else { return nil }
                    return Int(text(service))
                default: return 0
                }
            }
        }
        return port.map { SocketAddress(host: text(host), port: $0) }
    }

    /// The literal addresses that a name stands for, in the resolver's order. Waits for the resolver.
    static func addresses(of name: String) -> [String] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(name, nil, &hints, &found) == 0, let first = unsafe found else { return [] }
        defer { unsafe freeaddrinfo(first) }
        var addresses: [String] = []
        var next: UnsafeMutablePointer<addrinfo>? = unsafe first
        while let info = unsafe next?.pointee {
            var host = [CChar](repeating: 0, count: 64)
            if unsafe getnameinfo(info.ai_addr, info.ai_addrlen, &host, 64, nil, 0, NI_NUMERICHOST) == 0 {
                addresses.append(text(host))
            }
            unsafe next = info.ai_next
        }
        return addresses
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A non-blocking socket of the family of `host`, and the address to use it with.
    private static func resolved(
        _ host: String,
        _ port: Int,
        passive: Bool
    ) throws(SystemError) -> (file: Int32, address: sockaddr_storage, length: socklen_t) {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, String(port), &hints, &found) == 0, let first = unsafe found else {
            throw SystemError("Name or service not known", code: ENOENT)
        }
        defer { unsafe freeaddrinfo(first) }
        let info = unsafe first.pointee
        var storage = sockaddr_storage()
        unsafe withUnsafeMutableBytes(of: &storage) { room in
            unsafe room.copyMemory(from: UnsafeRawBufferPointer(start: info.ai_addr, count: Int(info.ai_addrlen)))
        }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let file = unsafe socket(info.ai_family, kind, 0)
        guard file >= 0 else { throw SystemError("creating socket") }
        return unsafe (file, storage, info.ai_addrlen)
    }

    private static func bindSource(_ file: Int32, _ source: String) {
        guard let (other, address, length) = try? resolved(source, 0, passive: true) else { return }
        close(other)
        var storage = address
        _ = unsafe withUnsafePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(file, $0, length) }
        }
    }
}
