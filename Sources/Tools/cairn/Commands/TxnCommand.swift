import ArgumentParser
import CairnModel
import Foundation

struct TxnCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "txn", abstract: "Run a transaction: all of it happens, or nothing.",
        discussion: """
            Reads one JSON object, for example:

              {"if":   [{"key": "stock/apples", "version": 3}],
               "then": [{"set": {"key": "stock/apples", "value": "41"}},
                        {"set": {"key": "orders/17", "value": "apples", "expiresIn": "24h"}},
                        {"delete": {"key": "carts/9"}}],
               "else": [{"get": {"key": "stock/apples"}}]}

            A condition has a key and one of absent, present (true), version, createdRef, updatedRef, value,
            lease, lockToken; "is" may be "=", "!=", "<" or ">". Operations are set, touch, delete, deletePrefix,
            get, lock, unlock, grantLease, keepAlive, expireLease. A value that isn't text comes as valueBase64,
            and beside a value may stand its contentType. Ends with 4 if a condition did not hold, whatever "else" did.
            """)

    @Argument(help: "The file, or - for standard input.")
    var file: String = "-"

    @OptionGroup var client: ClientOptions

    func run() async throws {
        try await client.run { store in
            let data: Data
            do {
                data =
                    file == "-"
                    ? try FileHandle.standardInput.readToEnd() ?? Data()
                    : try Data(contentsOf: URL(fileURLWithPath: file))
            } catch {
                throw StoreError(.invalidArgument, "\(file) can't be read: \(error.localizedDescription)")
            }
            var transaction = try TransactionFile.transaction(from: data)
            transaction.requestID = .random()
            let result = try await store.commit(transaction)
            show(result)
            if let failed = result.failedCondition {
                Terminal.complain(StoreError.conditionFailed(failed).message)
                throw ExitCode(4)
            }
        }
    }

    private struct ResultLine: Encodable {
        var succeeded: Bool
        var ref: Int64
        var results: [OperationLine]
    }

    private struct OperationLine: Encodable {
        var written: RecordLine?
        var deleted: [RecordLine]?
        var read: RecordLine?
        var lease: LeaseLine?
        var lock: LockLine?
    }

    private func show(_ result: TransactionResult) {
        let lines = result.results.map { result in
            var line = OperationLine()
            switch result {
            case .written(let record): line.written = RecordLine(record)
            case .deleted(let records): line.deleted = records.map { RecordLine($0) }
            case .read(let record): line.read = record.map { RecordLine($0) }
            case .lease(let lease): line.lease = LeaseLine(lease)
            case .lock(let lock): line.lock = lock.map { LockLine($0, timeLeft: $0.duration) }
            case .consumer, .none: break
            }
            return line
        }
        if client.json {
            return JSONLines.print(ResultLine(succeeded: result.succeeded, ref: result.ref.rawValue, results: lines))
        }
        Terminal.print(result.succeeded ? "succeeded, ref \(result.ref)" : "a condition did not hold")
        for result in result.results {
            switch result {
            case .written(let record):
                Terminal.print("set \(record.key) version \(record.version), ref \(record.updatedRef)")
            case .deleted(let records):
                for record in records {
                    Terminal.print("ended \(record.key) version \(record.version), ref \(record.updatedRef)")
                }
            case .read(let record):
                Terminal.print(record.map { TextLines.line($0, withValue: true) } ?? "absent")
            case .lease(let lease): Terminal.print("lease \(lease.id)")
            case .lock(let lock): Terminal.print(lock.map { "locked \($0.key) token \($0.token)" } ?? "unlocked")
            case .consumer, .none: break
            }
        }
    }
}
