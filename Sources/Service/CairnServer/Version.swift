/// The version of Cairn that this is.
public let cairnVersion = "0.1.0"
