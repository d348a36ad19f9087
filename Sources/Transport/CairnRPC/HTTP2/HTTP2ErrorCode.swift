/// HTTP/2's error codes that the transport sends or tells apart (RFC 9113, section 7).
package enum HTTP2ErrorCode {
    package static let noError: UInt32 = 0x0
    package static let protocolError: UInt32 = 0x1
    package static let internalError: UInt32 = 0x2
    package static let flowControlError: UInt32 = 0x3
    package static let refusedStream: UInt32 = 0x7
    package static let cancel: UInt32 = 0x8
    package static let enhanceYourCalm: UInt32 = 0xB
    package static let inadequateSecurity: UInt32 = 0xC

    /// Whether a stream that ends with the code was most likely reset by this side, as the peer broke a rule on it.
    package static func isBrokenRule(_ code: UInt32) -> Bool {
        // PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR.
        [protocolError, internalError, flowControlError, 0x5, 0x6].contains(code)
    }

    /// The code's name as the RFC writes it.
    package static func name(_ code: UInt32) -> String {
        let names = [
            "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
            "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
        ]
        return code < UInt32(names.count) ? names[Int(code)] : "error \(code)"
    }
}
