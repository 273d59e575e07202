// Lists of field names that a client has prepared for HIMPORT, so that it need not send them with every hash.

internal import Protocol

/// Of one client: it goes with the connection, and with RESET.
struct Fieldsets {
    private var fieldsByName: [[UInt8]: [[UInt8]]] = [:]
    /// Bytes of all names and fields.
    private(set) var byteCount = 0

    var count: Int { fieldsByName.count }

    /// The fields of the list called `name`, in the order in which their values come.
    subscript(name: Bytes) -> [[UInt8]]? { fieldsByName[name.array] }

    /// Keeps `fields` under `name`, in place of what may be there.
    mutating func insert(_ fields: [[UInt8]], under name: Bytes) {
        remove(name)
        fieldsByName[name.array] = fields
        byteCount += Self.byteCount(of: fields, under: name)
    }

    /// Returns whether there was a list of that name.
    @discardableResult
    mutating func remove(_ name: Bytes) -> Bool {
        guard let fields = fieldsByName.removeValue(forKey: name.array) else { return false }
        byteCount -= Self.byteCount(of: fields, under: name)
        return true
    }

    private static func byteCount(of fields: [[UInt8]], under name: Bytes) -> Int {
        fields.reduce(name.count) { $0 + $1.count }
    }
}
