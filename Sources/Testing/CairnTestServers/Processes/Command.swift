internal import Glibc

/// A command that runs to its end.
enum Command {
    struct Output {
        var status: ExitStatus
        var text: String
        var errors: String
    }

    /// Runs a command with `input` as its standard input. One that hasn't ended after `limit` is killed. Blocks.
    static func output(
        of command: [String], input: String = "", directory: String? = nil, within limit: Duration
    ) throws -> Output {
        let input = try Descriptor.nameless(input)
        let output = try Descriptor.nameless()
        let errors = try Descriptor.nameless()
        let streams = Child.Streams(input: input.number, output: output.number, errors: errors.number)
        let child = try Child(command, streams: streams, directory: directory)
        guard let status = child.wait(atMost: limit) else {
            child.signal(SIGKILL)
            throw ServerFailure("\(command.joined(separator: " ")) did not end within \(limit): \(errors.contents())")
        }
        return Output(status: status, text: output.contents(), errors: errors.contents())
    }

    /// Runs a command that has to succeed, and returns what it wrote. Blocks.
    @discardableResult
    static func run(
        _ command: [String], input: String = "", directory: String? = nil, within limit: Duration = .seconds(60)
    ) throws -> String {
        let output = try output(of: command, input: input, directory: directory, within: limit)
        guard output.status == .code(0) else {
            throw ServerFailure(
                "\(command.joined(separator: " ")) failed (\(output.status)): \(output.errors)\(output.text)")
        }
        return output.text
    }
}
