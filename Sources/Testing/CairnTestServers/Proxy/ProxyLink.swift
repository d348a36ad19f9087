/// One proxied connection: what the client sends goes to the server, and the other way round, unless it is cut.
///
/// After a cut between question and answer the client is gone, and the link lives on without it until the server has
/// read everything: the server must get what it is said to have got.
final class ProxyLink {
    /// What became of the link.
    enum Outcome {
        case lives
        case over
    }

    /// More than this is not read ahead for a peer that doesn't take it.
    private static let outgoingMax = 1 << 20

    private var client: ProxyEnd
    private var server: ProxyEnd
    private var questions = PatternScanner()
    private var answers = PatternScanner()
    /// A cut that was decided and is still to be made.
    private var cut: CutPoint?
    /// Whether the client has been cut off, and only the server is still to be served.
    private var isOrphan = false

    init(client: Int32, server: Int32) {
        self.client = ProxyEnd(socket: client)
        self.server = ProxyEnd(socket: server)
    }

    /// The sockets to watch: whether each is to be read, and whether there is something to write.
    var interests: [(socket: Int32, isClient: Bool, reads: Bool, writes: Bool)] {
        var all = [
            (
                socket: server.socket, isClient: false,
                reads: !server.hasEnded && client.outgoing.count < Self.outgoingMax, writes: !server.hasSentAll
            )
        ]
        if client.isOpen {
            let reads = !client.hasEnded && server.outgoing.count < Self.outgoingMax
            all.append((socket: client.socket, isClient: true, reads: reads, writes: !client.hasSentAll))
        }
        return all
    }

    /// Breaks both connections.
    func reset() {
        client.reset()
        server.reset()
    }

    /// Forgets what it has seen of patterns, as there are new ones.
    func forgetPatterns() {
        (questions, answers, cut) = (PatternScanner(), PatternScanner(), nil)
    }

    /// Moves what can be moved on one of the sockets.
    func proceed(isClient: Bool, isReadable: Bool, isBroken: Bool, _ traffic: inout ProxyTraffic) -> Outcome {
        guard isClient ? client.isOpen : server.isOpen else { return .lives }
        guard isClient ? client.flush() : server.flush() else { return broken() }
        if isReadable || isBroken {
            if isClient ? client.hasEnded : server.hasEnded { return isBroken ? broken() : .lives }
            guard isClient ? readQuestions(&traffic) : readAnswers(&traffic) else { return broken() }
        }
        let isDone = isOrphan ? server.hasEnded : client.hasEnded && server.hasEnded
        guard isDone, isOrphan || client.hasSentAll && server.hasSentAll else { return .lives }
        client.close()
        server.close()
        return .over
    }

    private func broken() -> Outcome {
        reset()
        return .over
    }

    /// Reads all that the client has sent. Returns whether the link still holds.
    private func readQuestions(_ traffic: inout ProxyTraffic) -> Bool {
        while true {
            switch client.read() {
            case .bytes(let piece):
                guard forward(question: piece, &traffic) else { return false }
                if isOrphan { return true }
            case .nothing:
                // Only now is it sure that the rest of the message has been forwarded too.
                if cut == .afterForwarding { return orphan(after: .afterForwarding, &traffic) }
                return true
            case .end:
                return server.end()
            case .failure:
                return false
            }
        }
    }

    private func forward(question piece: [UInt8], _ traffic: inout ProxyTraffic) -> Bool {
        guard let pattern = traffic.rule?.pattern else { return server.send(piece) }
        for end in questions.matchEnds(of: pattern, in: piece) {
            traffic.counts.occurrences += 1
            guard cut == nil, let point = traffic.rule?.nextCut() else { continue }
            cut = point
            guard point == .beforeForwarding else { continue }
            guard server.send(piece[..<max(0, end - pattern.count)]) else { return false }
            return orphan(after: point, &traffic)
        }
        return server.send(piece)
    }

    private func readAnswers(_ traffic: inout ProxyTraffic) -> Bool {
        while true {
            switch server.read() {
            case .bytes(let piece):
                if isOrphan { continue }
                if cut == .beforeAnswer, isAwaited(piece, traffic.rule?.answer) {
                    guard orphan(after: .beforeAnswer, &traffic) else { return false }
                } else {
                    guard client.send(piece) else { return false }
                }
            case .nothing:
                return true
            case .end:
                return isOrphan ? true : client.end()
            case .failure:
                return false
            }
        }
    }

    private func isAwaited(_ piece: [UInt8], _ answer: [UInt8]?) -> Bool {
        guard let answer else { return true }
        return !answers.matchEnds(of: answer, in: piece).isEmpty
    }

    /// Cuts the client off, and lets the server finish what it got.
    private func orphan(after point: CutPoint, _ traffic: inout ProxyTraffic) -> Bool {
        traffic.counts.cuts[point, default: 0] += 1
        cut = nil
        isOrphan = true
        client.reset()
        return server.end()
    }
}

/// What the links of a proxy share.
struct ProxyTraffic: Sendable {
    var rule: CutRule?
    var counts = CuttingProxy.Counts()
}
