import Protocol
import Testing

@testable import Keyspace

@Suite struct `A probe of a set` {
    /// Small and large, of integers, of texts, and of both.
    @Test(arguments: [0, 1, 15, 16, 17, 100, 127, 600], ["%", "member:%", "-%", "7%x"])
    func `finds what the set has, and nothing else`(count: Int, form: String) {
        let keyspace = Keyspace.standalone()
        let names = (0..<2 * count).map { number in
            Array(form.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "\(number)").utf8)
        }
        let set = keyspace.with("key") { keyspace.make(SetValue.self, under: $0, in: 0) }
        set.insert(Array("word".utf8))
        for name in names.prefix(count) { set.insert(name) }
        set.checkInvariants()

        for times in [1, 1000] {
            let probe = SetProbe(set, askedFor: times)
            for (index, name) in names.enumerated() {
                #expect(name.withBytes { probe.contains(.bytes($0)) } == (index < count))
            }
            #expect(Array("word".utf8).withBytes { probe.contains(.bytes($0)) })
            #expect(probe.contains(.integer(0)) == (form == "%" && count > 0))
            #expect(!probe.contains(.integer(Int64.max)))
        }
    }
}

extension SetValue {
    fileprivate func insert(_ member: [UInt8]) { member.withBytes { _ = insert($0) } }
}
