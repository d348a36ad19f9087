import CairnModel
import CairnRPC

/// Runs workloads against targets, and reports.
///
/// The targets take turns within a workload, round after round, and every other round in the opposite order: when the
/// machine grows slower or faster meanwhile, all of them meet it, and the ratios between them hold.
struct BenchRun {
    struct Plan: Sendable {
        var workloads: [Workload]
        var clients: [Int]
        var rounds: Int
        var timing: BenchRig.Timing
        var data: BenchData
        /// Keys set by one call of a load.
        var batch: Int
        /// The first key of a load.
        var loadFrom: Int
        var readyWithin: Duration
        /// Whether to leave the keys where they are.
        var keepsKeys: Bool
        /// Which target the others are compared with.
        var reference: Int?
    }

    let rigs: [BenchRig]
    let plan: Plan
    let report: BenchReport

    func run() async throws {
        report.printHeading()
        if plan.workloads.contains(.ready) {
            try await runOnce(.ready, clients: 1) { try await $0.waitUntilReady(plan.data, within: plan.readyWithin) }
        }
        if plan.workloads.contains(.load) {
            let clients = BenchRun.loadingClients
            try await runOnce(.load, clients: clients) {
                try await $0.load(plan.data, from: plan.loadFrom, batch: plan.batch, clients: clients)
            }
        } else if plan.workloads.contains(where: \.needsKeys) {
            for rig in rigs {
                _ = try await rig.load(
                    plan.data, from: plan.loadFrom, batch: plan.batch, clients: BenchRun.loadingClients)
            }
        }
        for workload in plan.workloads where workload.isTimed {
            for clients in plan.clients { try await runRounds(workload, clients: clients) }
        }
        if !plan.keepsKeys { try await deleteKeys() }
    }

    static let loadingClients = 16

    private func runOnce(
        _ workload: Workload, clients: Int, _ body: (BenchRig) async throws -> BenchSample
    ) async throws {
        var samples: [(target: BenchTarget, sample: BenchSample)] = []
        for rig in rigs { samples.append((rig.target, try await body(rig))) }
        report.print(workload, clients: clients, samples, reference: plan.reference)
    }

    private func runRounds(_ workload: Workload, clients: Int) async throws {
        if !workload.writes { for rig in rigs { try await rig.lines[0].peer.settle() } }
        var samples = [BenchSample?](repeating: nil, count: rigs.count)
        for round in 0..<plan.rounds {
            let order = Array(rigs.indices)
            for index in round.isMultiple(of: 2) ? order : order.reversed() {
                let sample = try await rigs[index].run(workload, clients: clients, data: plan.data, timing: plan.timing)
                samples[index]?.add(sample)
                if samples[index] == nil { samples[index] = sample }
            }
        }
        let measured = zip(rigs, samples).compactMap { rig, sample in sample.map { (target: rig.target, sample: $0) } }
        report.print(workload, clients: clients, measured, reference: plan.reference)
    }

    private func deleteKeys() async throws {
        for rig in rigs {
            try await rig.lines[0].peer.delete(from: plan.data.key(0), to: BenchData.end)
        }
    }
}
