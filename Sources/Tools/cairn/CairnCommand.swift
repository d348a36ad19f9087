import ArgumentParser
import CairnServer

/// The root of the command line; every command is in Commands/, one a file.
@main
struct CairnCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cairn",
        abstract: "A key-value store with one ordered log of everything that happened.",
        discussion: """
            Start a server with `cairn serve`, then set and get keys, watch them change, and grant leases.
            Commands reach the server at --address or CAIRN_ADDRESS, by default 127.0.0.1:4747.

            EXIT CODES
              0   done
              1   failed otherwise; standard error says why
              3   the key, lease or consumer does not exist
              4   a condition did not hold, or the lease id is taken; nothing was changed
              5   the server can't be reached or gave no answer in time
              6   the event asked for is no longer kept, does not exist yet, or was lost
              7   another client has locked the key
              8   the server doesn't let you: no token, a wrong one, or one without the permission
              64  the command line or the configuration is wrong

            SHELL COMPLETION
              cairn --generate-completion-script bash|zsh|fish
            """,
        version: "cairn \(cairnVersion)",
        subcommands: [
            ServeCommand.self, SetCommand.self, GetCommand.self, ExistsCommand.self, DeleteCommand.self,
            PopCommand.self, ClearCommand.self, TouchCommand.self, InspectCommand.self, MetricsCommand.self,
            LoadCommand.self, ListCommand.self, HistoryCommand.self, WatchCommand.self, LockCommand.self,
            UnlockCommand.self, LocksCommand.self, LeaseCommand.self, TxnCommand.self, ConsumeCommand.self,
            ConsumersCommand.self, StatusCommand.self, StatsCommand.self, TopCommand.self, CompactCommand.self,
            PruneCommand.self, ClientsCommand.self, BackupCommand.self, SnapshotCommand.self, ReadOnlyCommand.self,
            ShutdownCommand.self, TokenCommand.self, BenchCommand.self, ConfigCommand.self, VersionCommand.self,
        ])
}
