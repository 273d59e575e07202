// The least that a server with epoll can do: it counts requests and answers each with +OK, and knows no keys at all.
// What it takes per request is the kernel's, whoever serves: `./bench floor` puts the servers beside it.

import CSystem
import Glibc

private let chunkByteCount = 1 << 16

@main
struct Floor {
    static func main() {
        guard CommandLine.arguments.count == 2, let port = UInt16(CommandLine.arguments[1]) else {
            return print("usage: floor PORT")
        }
        serve(on: port)
    }
}

private func listen(on port: UInt16) -> Int32 {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
    var yes: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let isBound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    precondition(isBound == 0 && Glibc.listen(listener, 511) == 0, "the port is taken")
    return listener
}

private func serve(on port: UInt16) {
    let listener = listen(on: port)
    let poller = epoll_create1(0)
    watch(listener, with: poller)
    var events = [epoll_event](repeating: epoll_event(), count: 1024)
    var input = [UInt8](repeating: 0, count: chunkByteCount)
    let replies = Array(repeatElement("+OK\r\n".utf8, count: chunkByteCount / 8).joined())
    while true {
        let count = epoll_wait(poller, &events, Int32(events.count), -1)
        for index in 0..<Int(max(0, count)) {
            let file = events[index].data.fd
            guard file != listener else {
                acceptAll(from: listener, poller)
                continue
            }
            let received = recv(file, &input, chunkByteCount, 0)
            guard received > 0 else {
                close(file)
                continue
            }
            let requests = countRequests(in: input, upTo: received)
            _ = send(file, replies, requests * 5, Int32(MSG_NOSIGNAL))
        }
    }
}

private func acceptAll(from listener: Int32, _ poller: Int32) {
    while case let client = accept(listener, nil, nil), client >= 0 {
        var yes: Int32 = 1
        setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(client, Int32(IPPROTO_TCP), TCP_CONGESTION, "reno", 4)
        watch(client, with: poller)
    }
}

private func watch(_ file: Int32, with poller: Int32) {
    var event = epoll_event(events: EPOLLIN.rawValue | EPOLLET.rawValue, data: epoll_data_t(fd: file))
    epoll_ctl(poller, EPOLL_CTL_ADD, file, &event)
}

/// Each request of redis-benchmark begins with the only asterisk it has.
private func countRequests(in bytes: [UInt8], upTo end: Int) -> Int {
    bytes.withUnsafeBufferPointer { bytes in
        var count = 0
        for index in 0..<end where bytes[index] == UInt8(ascii: "*") { count += 1 }
        return count
    }
}
