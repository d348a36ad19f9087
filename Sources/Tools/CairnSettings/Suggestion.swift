/// The known name that somebody may have meant.
package enum Suggestion {
    /// The nearest of `names` to what was written, if one is near: at most a third of its letters differ.
    package static func nearest(to written: String, among names: [String]) -> String? {
        let plain = simplified(written)
        let nearest = names.map { (name: $0, distance: distance(plain, simplified($0))) }
            .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
        guard let nearest, nearest.distance <= max(1, plain.count / 3) else { return nil }
        return nearest.name
    }

    /// Small letters, without what only divides words, so that `logLevel` and `LOG_LEVEL` are near `log-level`.
    private static func simplified(_ name: String) -> [Character] {
        name.lowercased().filter { $0 != "-" && $0 != "_" && $0 != "." }
    }

    /// How many letters to insert, delete or replace (Levenshtein).
    private static func distance(_ first: [Character], _ second: [Character]) -> Int {
        var row = Array(0...second.count)
        for (number, letter) in first.enumerated() {
            var diagonal = row[0]
            row[0] = number + 1
            for (column, other) in second.enumerated() {
                let replaced = diagonal + (letter == other ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[second.count]
    }
}

extension String {
    fileprivate func filter(_ isIncluded: (Character) -> Bool) -> [Character] { Array(self).filter(isIncluded) }
}
