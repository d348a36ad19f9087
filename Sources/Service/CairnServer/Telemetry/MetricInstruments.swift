internal import Metrics
internal import Synchronization

// What callers hold: each call is an atomic addition or two, and never a lock.

/// A number that only grows.
final class CounterInstrument: CounterHandler {
    private let total = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        if amount > 0 { total.wrappingAdd(amount, ordering: .relaxed) }
    }

    func reset() { total.store(0, ordering: .relaxed) }

    var value: MetricFamily.Value { .number(Double(total.load(ordering: .relaxed))) }
}

/// A number that goes up and down.
final class GaugeInstrument: MeterHandler, RecorderHandler {
    private let number = AtomicDouble()

    func set(_ value: Int64) { number.store(Double(value)) }
    func set(_ value: Double) { number.store(value) }
    func increment(by amount: Double) { number.add(amount) }
    func decrement(by amount: Double) { number.add(-amount) }
    func record(_ value: Int64) { number.store(Double(value)) }
    func record(_ value: Double) { number.store(value) }

    var value: MetricFamily.Value { .number(number.load()) }
}

/// How often values fell into each of some buckets.
final class HistogramInstrument: TimerHandler, RecorderHandler {
    /// The upper ends of the buckets, in whole units: nanoseconds for times.
    private let bounds: [Int64]
    private let unitsPerOne: Double
    private let counts: [AtomicCount]
    /// The sum of whole units, and what was recorded in fractions besides.
    private let units = Atomic<Int64>(0)
    private let fractions = AtomicDouble()

    private init(bounds: [Int64], unitsPerOne: Double) {
        self.bounds = bounds
        self.unitsPerOne = unitsPerOne
        counts = (0...bounds.count).map { _ in AtomicCount() }
    }

    /// Times, told in seconds: from 50 µs to 10 s.
    static func seconds() -> HistogramInstrument {
        let microseconds: [Int64] = [
            50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
            2_500_000, 10_000_000,
        ]
        return HistogramInstrument(bounds: microseconds.map { $0 * 1_000 }, unitsPerOne: 1e9)
    }

    /// Sizes and counts: powers of two up to 1,024, and of ten times four up to a million.
    static func sizes() -> HistogramInstrument {
        HistogramInstrument(
            bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096, 16_384, 65_536, 1 << 20], unitsPerOne: 1)
    }

    func recordNanoseconds(_ duration: Int64) { record(duration) }

    func record(_ value: Int64) {
        bucket(of: value).add()
        units.wrappingAdd(value, ordering: .relaxed)
    }

    func record(_ value: Double) {
        guard value.isFinite else { return }
        bucket(of: Int64(exactly: value.rounded(.up)) ?? .max).add()
        fractions.add(value)
    }

    private func bucket(of value: Int64) -> AtomicCount {
        var number = 0
        while number < bounds.count, value > bounds[number] { number += 1 }
        return counts[number]
    }

    var value: MetricFamily.Value {
        let sum = Double(units.load(ordering: .relaxed)) / unitsPerOne + fractions.load()
        return .histogram(
            HistogramValue(bounds: bounds.map { Double($0) / unitsPerOne }, counts: counts.map(\.value), sum: sum))
    }
}

/// A count that any thread may add to.
private final class AtomicCount: Sendable {
    private let number = Atomic<Int>(0)

    var value: Int { number.load(ordering: .relaxed) }

    func add() { number.wrappingAdd(1, ordering: .relaxed) }
}

/// A floating-point number that any thread may change.
private final class AtomicDouble: Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }
}
