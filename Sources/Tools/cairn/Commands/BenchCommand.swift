import ArgumentParser
import CairnModel
import CairnRPC

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure a server under load, alone or beside others.",
        discussion: """
            Sets and reads keys below `bench/`, and deletes them at the end; don't aim it at a server whose log you
            want to keep short. Without --target it measures the server at --address.

            A target is NAME=KIND:ADDRESS[@PID]. KIND is cairn, etcd or redis; PID is the server's process on this
            machine, whose CPU time and memory are then shown: sqlite=cairn:127.0.0.1:4747@4711
            etcd=etcd:127.0.0.1:2379@4712
            Options may follow it, each after a comma: database=PID, the database server below it, whose CPU time is
            then shown too, with that of all processes it has started; watch=ADDRESS, another replica of the same
            store, where the workload watch watches. A connection to Redis has one call under way at a time, so there
            each client has its own.

            WORKLOADS
              put     set a random key
              get     read a random key, linearizably
              mixed   nine reads to one set
              list    read a page of 1,000 keys
              watch   set random keys; the time from the set until a watch has it
              load    set all keys, many a call; reports keys a second
              ready   wait until the server answers; reports the time since its process started
            """)

    @Option(help: ArgumentHelp("A server to measure. May be repeated.", valueName: "target"))
    var target: [BenchTarget] = []

    @Option(
        help: ArgumentHelp("The server, if there is no --target. (default: CAIRN_ADDRESS, or 127.0.0.1:4747)"))
    var address: String?

    @Option(help: ArgumentHelp("That server's process, if it runs on this machine.", valueName: "pid"))
    var pid: Int32?

    @Option(
        help: ArgumentHelp("The target that the others are compared with. (default: the second)", valueName: "name"))
    var reference: String?

    @Option(help: ArgumentHelp("What to measure, separated by commas.", valueName: "names"))
    var workloads = BenchList([Workload.put, .get])

    @Option(help: ArgumentHelp("How many clients call at the same time, separated by commas.", valueName: "counts"))
    var clients = BenchList([1, 16, 64])

    @Option(help: ArgumentHelp("The connections that the clients share.", valueName: "n"))
    var connections = 8

    @Option(help: ArgumentHelp("The threads that the load runs on.", valueName: "n"))
    var threads = 1

    @Option(help: "How long to measure in each round.")
    var duration = DurationArgument(.seconds(2))

    @Option(help: "How long to run before each measurement.")
    var warmUp = DurationArgument(.milliseconds(300))

    @Option(help: "How long each client waits after each call.")
    var pause = DurationArgument(.zero)

    @Option(help: ArgumentHelp("How often to measure each target; they take turns.", valueName: "n"))
    var rounds = 3

    @Option(help: ArgumentHelp("How many keys there are.", valueName: "n"))
    var keys = 10_000

    @Option(help: ArgumentHelp("A key's size in bytes.", valueName: "n"))
    var keySize = 16

    @Option(help: ArgumentHelp("A value's size in bytes.", valueName: "n"))
    var valueSize = 100

    @Option(help: ArgumentHelp("How many keys a call sets in a load; etcd takes 128 at most.", valueName: "n"))
    var batch = 128

    @Option(help: ArgumentHelp("How many keys a load leaves out, because they are there.", valueName: "n"))
    var loadFrom = 0

    @Option(help: "How long a server may take until it is ready.")
    var readyWithin = DurationArgument(.seconds(60))

    @Flag(help: "Leave the keys on the server.")
    var keepKeys = false

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @Option(help: ArgumentHelp("Append the results to this file too, as JSON.", valueName: "file"))
    var jsonFile: String?

    func validate() throws {
        let counts = clients.items + [connections, threads, rounds, keys, batch]
        guard counts.allSatisfy({ (1...10_000_000).contains($0) }) else {
            throw ValidationError("every count must be 1 at least, and 10,000,000 at most")
        }
        guard (0..<keys).contains(loadFrom) else { throw ValidationError("--load-from must be less than --keys") }
        let least = BenchData.leastKeyBytes(keys)
        guard (least...1_024).contains(keySize) else {
            throw ValidationError("--key-size must be \(least) at least for \(keys) keys, and 1024 at most")
        }
        guard (8...1 << 20).contains(valueSize) else { throw ValidationError("--value-size must be 8 to 1048576") }
        if let reference, !target.contains(where: { $0.name == reference }) {
            throw ValidationError("there is no --target named \(reference)")
        }
        guard target.isEmpty || (address == nil && pid == nil) else {
            throw ValidationError("give --target, or --address and --pid, but not both")
        }
    }

    func run() async throws {
        try await reportingErrors {
            let targets = try targets()
            let report = try BenchReport(
                asJSON: json, showsDatabase: targets.contains { $0.database != nil }, file: jsonFile)
            let loops = (0..<threads).map { _ in RPCEventLoops(count: 1) }
            // A load has its own number of clients.
            let most = max(clients.items.max() ?? 1, BenchRun.loadingClients)
            var rigs: [BenchRig] = []
            for target in targets {
                let count = target.connections(connections, forClients: most)
                rigs.append(try await BenchRig(target, connections: count, loops: loops))
            }
            do {
                try await BenchRun(rigs: rigs, plan: plan, report: report).run()
            } catch let error as RPCError {
                throw StoreError(error.code == .unavailable ? .unavailable : .internal, "\(error)")
            }
            for rig in rigs { await rig.close() }
        }
    }

    private func targets() throws -> [BenchTarget] {
        guard target.isEmpty else { return target }
        let place = try AddressArgument.parse(AddressArgument.chosen(address))
        return [
            BenchTarget(name: "cairn", kind: .cairn, address: place, process: pid.map { ServerProcess(pid: $0) })
        ]
    }

    private var plan: BenchRun.Plan {
        let reference = reference.map { name in target.firstIndex { $0.name == name } } ?? (target.count > 1 ? 1 : nil)
        return BenchRun.Plan(
            workloads: workloads.items, clients: clients.items, rounds: rounds,
            timing: BenchRig.Timing(warmUp: warmUp.duration, duration: duration.duration, pause: pause.duration),
            data: BenchData(keyCount: keys, keyBytes: keySize, valueBytes: valueSize), batch: batch,
            loadFrom: loadFrom, readyWithin: readyWithin.duration, keepsKeys: keepKeys, reference: reference)
    }
}

/// Several arguments, separated by commas.
struct BenchList<Item: ExpressibleByArgument & Sendable>: ExpressibleByArgument, CustomStringConvertible, Sendable {
    let items: [Item]

    init(_ items: [Item]) { self.items = items }

    init?(argument: String) {
        let parts = argument.split(separator: ",")
        items = parts.compactMap { Item(argument: String($0)) }
        guard !parts.isEmpty, items.count == parts.count else { return nil }
    }

    var description: String { items.map(\.defaultValueDescription).joined(separator: ",") }
}
