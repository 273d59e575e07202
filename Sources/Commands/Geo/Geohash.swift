// Places on earth as scores: longitude and latitude in 26 bits each, their bits alternating, so that what is near on earth
// is mostly near in a sorted set.
//
// - Source: the geohash of Gustavo Niemeyer, in the variant that Redis documents: latitudes end where Web Mercator does.

internal import Glibc
internal import Protocol

/// Degrees.
struct GeoPosition: Equatable {
    var longitude: Double
    var latitude: Double

    static let longitudes = -180.0...180.0
    static let latitudes = -85.05112878...85.05112878

    /// Metres along the great circle, by the haversine formula.
    func distance(to other: GeoPosition) -> Double {
        let longitudes = sin((other.longitude.inRadians - longitude.inRadians) / 2)
        if longitudes == 0 { return latitudeDistance(to: other) }
        let latitudes = sin((other.latitude.inRadians - latitude.inRadians) / 2)
        let square =
            latitudes * latitudes
            + cos(latitude.inRadians) * cos(other.latitude.inRadians) * longitudes * longitudes
        return 2 * Earth.radius * asin(square.squareRoot())
    }

    /// Metres between the two parallels.
    func latitudeDistance(to other: GeoPosition) -> Double {
        Earth.radius * abs(other.latitude.inRadians - latitude.inRadians)
    }
}

enum Earth {
    /// In metres.
    static let radius = 6372797.560856
    /// Half of the equator in the Mercator projection, in metres.
    static let greatestDistance = 20037726.37
}

extension Double {
    var inRadians: Double { self * (.pi / 180) }
    var inDegrees: Double { self / (.pi / 180) }
}

/// A cell of the grid that has 2^`step` columns and rows.
struct GeoCell: Equatable {
    var bits: UInt64
    let step: Int

    /// As fine as a score can tell.
    static let finestStep = 26

    private static let latitudeMask: UInt64 = 0x5555_5555_5555_5555
    private static let longitudeMask: UInt64 = 0xAAAA_AAAA_AAAA_AAAA

    init(bits: UInt64, step: Int) { (self.bits, self.step) = (bits, step) }

    /// The cell around `position`.
    init(
        _ position: GeoPosition,
        step: Int = finestStep,
        latitudes: ClosedRange<Double> = GeoPosition.latitudes
    ) {
        let scale = Double(UInt64(1) << UInt64(step))
        let row = (position.latitude - latitudes.lowerBound) / (latitudes.upperBound - latitudes.lowerBound)
        let longitudes = GeoPosition.longitudes
        let column = (position.longitude - longitudes.lowerBound) / (longitudes.upperBound - longitudes.lowerBound)
        bits = Self.spread(UInt32(row * scale)) | Self.spread(UInt32(column * scale)) << 1
        self.step = step
    }

    /// The cell that a score stands for, whatever number it is: as the processor that Redis mostly runs on converts it.
    init(score: Double) {
        let bits: UInt64
        if score < -0x1p63 {
            bits = 1 << 63
        } else if score < 0x1p63 {
            bits = UInt64(bitPattern: Int64(score))
        } else {
            bits = score < 0x1p64 ? UInt64(score) : 0
        }
        self.init(bits: bits, step: Self.finestStep)
    }

    var score: Double { Double(bits) }

    /// The scores in the cell: from the first, up to the second without it.
    var scores: (Double, Double) {
        let shift = UInt64(2 * (Self.finestStep - step))
        return (Double(bits << shift), Double((bits &+ 1) << shift))
    }

    /// Puts a zero before each bit.
    private static func spread(_ number: UInt32) -> UInt64 {
        var bits = UInt64(number)
        bits = (bits | bits << 16) & 0x0000_FFFF_0000_FFFF
        bits = (bits | bits << 8) & 0x00FF_00FF_00FF_00FF
        bits = (bits | bits << 4) & 0x0F0F_0F0F_0F0F_0F0F
        bits = (bits | bits << 2) & 0x3333_3333_3333_3333
        return (bits | bits << 1) & latitudeMask
    }

    /// Takes every second bit out again.
    private static func gather(_ bits: UInt64) -> UInt32 {
        var bits = bits & latitudeMask
        bits = (bits | bits >> 1) & 0x3333_3333_3333_3333
        bits = (bits | bits >> 2) & 0x0F0F_0F0F_0F0F_0F0F
        bits = (bits | bits >> 4) & 0x00FF_00FF_00FF_00FF
        bits = (bits | bits >> 8) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: bits | bits >> 16)
    }

    private static func edges(_ index: UInt32, step: Int, in range: ClosedRange<Double>) -> (low: Double, high: Double)
    {
        let (scale, width) = (Double(UInt64(1) << UInt64(step)), range.upperBound - range.lowerBound)
        return (
            range.lowerBound + Double(index) / scale * width, range.lowerBound + (Double(index) + 1) / scale * width
        )
    }

    var latitudes: (low: Double, high: Double) {
        Self.edges(Self.gather(bits), step: step, in: GeoPosition.latitudes)
    }

    var longitudes: (low: Double, high: Double) {
        Self.edges(Self.gather(bits >> 1), step: step, in: GeoPosition.longitudes)
    }

    var center: GeoPosition {
        func middle(_ edges: (low: Double, high: Double), _ range: ClosedRange<Double>) -> Double {
            min(max((edges.low + edges.high) / 2, range.lowerBound), range.upperBound)
        }
        return GeoPosition(
            longitude: middle(longitudes, GeoPosition.longitudes),
            latitude: middle(latitudes, GeoPosition.latitudes)
        )
    }

    /// The cell so many columns to the east and rows to the north, around the world if need be. On the very edge of the
    /// world a cell has a bit too many, which a move takes away and staying keeps: Redis has it so, and finds nothing there.
    func neighbor(east: Int, north: Int) -> GeoCell {
        let columns = Self.moved(bits & Self.longitudeMask, by: east, among: Self.longitudeMask, step: step)
        let rows = Self.moved(bits & Self.latitudeMask, by: north, among: Self.latitudeMask, step: step)
        return GeoCell(bits: columns | rows, step: step)
    }

    /// Adds one to the bits of `mask`, or takes one away: filled, the gaps between them pass a carry on.
    private static func moved(_ bits: UInt64, by direction: Int, among mask: UInt64, step: Int) -> UInt64 {
        if direction == 0 { return bits }
        let used = UInt64.max >> UInt64(64 - 2 * step)
        let gaps = ~mask & used
        return (direction > 0 ? bits &+ (gaps &+ 1) : (bits | gaps) &- (gaps &+ 1)) & mask & used
    }

    /// The name of the cell that others than Redis give it: there latitudes end at the poles. Eleven letters, the last of
    /// which has no bits left to tell.
    func withName(_ body: (Bytes) -> Void) {
        let name = GeoCell(center, latitudes: -90...90)
        let alphabet: StaticString = "0123456789bcdefghjkmnpqrstuvwxyz"
        var letters = [UInt8](repeating: UInt8(ascii: "0"), count: 11)
        for index in 0..<10 {
            let letter = Int(name.bits >> UInt64(52 - 5 * (index + 1)) & 0x1F)
            letters[index] = unsafe alphabet.utf8Start[letter]
        }
        letters.withBytes(body)
    }
}
