// HINCRBY and HINCRBYFLOAT: values of fields that are numbers.

internal import Keyspace
internal import Protocol

extension HashCommands {
    static let hincrby = Command(
        "hincrby",
        "Adds to the integer that a field has.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        element: 2,
        flags: [.write, .denyoom, .fast],
        group: .hash,
        since: "2.0.0",
        categories: ["hash"],
        syntax: "<key:key> <field> <increment:integer>"
    ) { call throws(CommandError) in
        let increment = try call.integer(3)
        let (key, field) = (call.key(1), call.arguments[2])
        var number: Int64 = 0
        if let found = try call.find(key, as: HashValue.self)?.find(field) {
            guard let present = found.value.integer else { throw .text("ERR hash value is not an integer") }
            number = present
        }
        let (sum, overflows) = number.addingReportingOverflow(increment)
        guard !overflows else { throw .incrementOverflows }

        let hash = try call.findOrMake(key, as: HashValue.self)
        withIntegerText(sum) { _ = hash.set(field, to: $0, expiry: .keep) }
        call.didChange(hash, key)
        call.reply.integer(sum)
    }

    static let hincrbyfloat = Command(
        "hincrbyfloat",
        "Adds to the floating-point number that a field has.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        element: 2,
        flags: [.write, .denyoom, .fast],
        group: .hash,
        since: "2.6.0",
        categories: ["hash"],
        syntax: "<key:key> <field> <increment:double>"
    ) { call throws(CommandError) in
        guard let increment = parseLongDouble(call.arguments[3]) else { throw .notAFloat }
        guard increment.isFinite else { throw .text("ERR value is NaN or Infinity") }
        let (key, field) = (call.key(1), call.arguments[2])
        var number: LongDouble = 0
        if let found = try call.find(key, as: HashValue.self)?.find(field) {
            guard let present = found.value.withBytes({ parseLongDouble($0) }) else {
                throw .text("ERR hash value is not a float")
            }
            number = present
        }
        number += increment
        guard number.isFinite else { throw .incrementIsNotFinite }

        let hash = try call.findOrMake(key, as: HashValue.self)
        withLongDoubleText(number) { text in
            hash.set(field, to: text, expiry: .keep)
            call.reply.bulk(text)
        }
        call.didChange(hash, key)
    }
}
