// What a search looks for: circles, boxes and polygons on earth, and the cells of the grid that cover them.

internal import Glibc

struct GeoShape {
    enum Outline {
        /// In metres.
        case circle(radius: Double)
        case box(width: Double, height: Double)
        case polygon([GeoPosition])
    }

    let outline: Outline
    let center: GeoPosition

    init(_ outline: Outline, around center: GeoPosition) { (self.outline, self.center) = (outline, center) }

    /// A polygon's centre is the mean of its corners, seen as points in space; their sum lies in the same direction.
    init(polygon corners: [GeoPosition]) {
        var (x, y, z) = (0.0, 0.0, 0.0)
        for corner in corners {
            let (longitude, latitude) = (corner.longitude.inRadians, corner.latitude.inRadians)
            x += cos(latitude) * cos(longitude)
            y += cos(latitude) * sin(longitude)
            z += sin(latitude)
        }
        let latitude = atan2(z, (x * x + y * y).squareRoot()).inDegrees
        self.init(.polygon(corners), around: GeoPosition(longitude: atan2(y, x).inDegrees, latitude: latitude))
    }

    /// The distance of `position` from the centre, if it lies within the shape.
    func distance(within position: GeoPosition) -> Double? {
        switch outline {
        case .circle(let radius):
            let distance = center.distance(to: position)
            return distance > radius ? nil : distance
        case .box(let width, let height):
            guard position.latitudeDistance(to: center) <= height / 2 else { return nil }
            let across = GeoPosition(longitude: center.longitude, latitude: position.latitude)
            guard position.distance(to: across) <= width / 2 else { return nil }
            return center.distance(to: position)
        case .polygon(let corners):
            return GeoShape.contains(position, corners) ? center.distance(to: position) : nil
        }
    }

    /// Whether a ray from `position` to the east crosses an odd number of edges.
    private static func contains(_ position: GeoPosition, _ corners: [GeoPosition]) -> Bool {
        var (isInside, previous) = (false, corners[corners.count - 1])
        for corner in corners {
            if (corner.latitude > position.latitude) != (previous.latitude > position.latitude) {
                let share = (position.latitude - corner.latitude) / (previous.latitude - corner.latitude)
                if position.longitude < (previous.longitude - corner.longitude) * share + corner.longitude {
                    isInside.toggle()
                }
            }
            previous = corner
        }
        return isInside
    }

    // MARK: Covering

    private struct Bounds {
        var (west, south, east, north) = (0.0, 0.0, 0.0, 0.0)
    }

    private var bounds: Bounds {
        switch outline {
        case .circle(let radius): return bounds(width: radius, height: radius)
        case .box(let width, let height): return bounds(width: width / 2, height: height / 2)
        case .polygon(let corners):
            let (longitudes, latitudes) = (corners.map(\.longitude), corners.map(\.latitude))
            return Bounds(
                west: longitudes.min() ?? 0,
                south: latitudes.min() ?? 0,
                east: longitudes.max() ?? 0,
                north: latitudes.max() ?? 0
            )
        }
    }

    /// - Parameters: from the centre to either side, in metres.
    private func bounds(width: Double, height: Double) -> Bounds {
        let latitudes = (height / Earth.radius).inDegrees
        // A degree of longitude is shorter nearer to the pole.
        let edge = center.latitude < 0 ? center.latitude - latitudes : center.latitude + latitudes
        let longitudes = (width / Earth.radius / cos(edge.inRadians)).inDegrees
        return Bounds(
            west: center.longitude - longitudes,
            south: center.latitude - latitudes,
            east: center.longitude + longitudes,
            north: center.latitude + latitudes
        )
    }

    /// From the centre to what lies farthest, in metres.
    private var reach: Double {
        switch outline {
        case .circle(let radius): radius
        case .box(let width, let height): ((width / 2) * (width / 2) + (height / 2) * (height / 2)).squareRoot()
        case .polygon(let corners): corners.map { center.distance(to: $0) }.max() ?? 0
        }
    }

    /// The finest grid of which nine cells cover what is within reach.
    private var step: Int {
        var reach = reach
        guard reach > 0 else { return GeoCell.finestStep }
        var step = 1
        while reach < Earth.greatestDistance {
            reach *= 2
            step += 1
        }
        step -= 2
        if abs(center.latitude) > 66 { step -= 1 }
        if abs(center.latitude) > 80 { step -= 1 }
        return min(max(step, 1), GeoCell.finestStep)
    }

    /// The cells to search, in the order in which Redis searches them: it can be seen in replies that are not sorted.
    var cells: [GeoCell] {
        let bounds = bounds
        var step = step
        var cell = GeoCell(center, step: step)
        let isTooFine =
            cell.neighbor(east: 0, north: 1).latitudes.high < bounds.north
            || cell.neighbor(east: 0, north: -1).latitudes.low > bounds.south
            || cell.neighbor(east: 1, north: 0).longitudes.high < bounds.east
            || cell.neighbor(east: -1, north: 0).longitudes.low > bounds.west
        if step > 1, isTooFine {
            step -= 1
            cell = GeoCell(center, step: step)
        }
        var (isWestNeeded, isSouthNeeded, isEastNeeded, isNorthNeeded) = (true, true, true, true)
        if step >= 2 {
            isSouthNeeded = cell.latitudes.low >= bounds.south
            isNorthNeeded = cell.latitudes.high <= bounds.north
            isWestNeeded = cell.longitudes.low >= bounds.west
            isEastNeeded = cell.longitudes.high <= bounds.east
        }
        let directions = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)]
        var cells = [cell]
        var last: GeoCell?
        for (east, north) in directions {
            if north > 0 && !isNorthNeeded || north < 0 && !isSouthNeeded { continue }
            if east > 0 && !isEastNeeded || east < 0 && !isWestNeeded { continue }
            let neighbor = cell.neighbor(east: east, north: north)
            // In a coarse grid neighbours can be the same.
            if neighbor == last { continue }
            cells.append(neighbor)
            last = neighbor
        }
        return cells
    }
}
