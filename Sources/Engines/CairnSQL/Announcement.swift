package import CairnModel

/// What replicas tell each other: how far the log has come, and when the next lease ends.
///
/// It is a hint. Whoever hears it reads the home; who doesn't hear it notices at the next beat.
package struct Announcement: Hashable, Sendable {
    /// The replica that speaks.
    package var replica: Int64
    /// The last event it has committed, or ``CairnModel/Ref/zero`` when it has just come or is about to go.
    package var lastRef: Ref
    /// The earliest deadline that its batch has set.
    package var nextDeadline: Timestamp?

    package init(replica: Int64, lastRef: Ref, nextDeadline: Timestamp?) {
        self.replica = replica
        self.lastRef = lastRef
        self.nextDeadline = nextDeadline
    }

    /// Three numbers with spaces between them; `-` for no deadline.
    package var text: String { "\(replica) \(lastRef.rawValue) \(nextDeadline.map { String($0.rawValue) } ?? "-")" }

    /// Reads what ``text`` has written; `nil` if it is something else.
    package init?(text: some StringProtocol) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, let replica = Int64(words[0]), let ref = Int64(words[1]), replica >= 0, ref >= 0 else {
            return nil
        }
        let deadline = Int64(words[2])
        guard deadline != nil || words[2] == "-" else { return nil }
        self.init(replica: replica, lastRef: Ref(ref), nextDeadline: deadline.map(Timestamp.init(microseconds:)))
    }
}

/// How the replicas of a home hear of each other's batches at once.
package protocol AnnouncementChannel: AnyObject, Sendable {
    /// Where others send to, as `HOST:PORT`; empty if the database passes announcements on by itself.
    var address: String { get }
    /// Calls `hear` with the text of each announcement, on any thread, until ``stop()``. When announcements may have
    /// been missed, because the connection broke and is back, it calls `hear` with an empty text.
    func start(_ hear: @escaping @Sendable (String) -> Void)
    /// Sends to these replicas, unless the database has passed it on already with the batch's transaction. Doesn't
    /// wait, and doesn't fail: what is lost is made up for by the beat.
    func send(_ text: String, to replicas: [Replica])
    /// Ends the channel, and waits until `hear` isn't called any more.
    func stop()
}
