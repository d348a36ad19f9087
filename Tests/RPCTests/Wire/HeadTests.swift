import CairnRPC
import Testing

@Suite("Header fields")
struct HeadTests {
    private static let usual = [
        (":method", "POST"), (":scheme", "http"), ("te", "trailers"), ("content-type", "application/grpc"),
    ]

    private static func head(_ fields: [(String, String)], limit: Int = 8192) -> RequestHead {
        // The pointers are borrowed: whoever calls keeps what they point to for the length of the call.
        var head = RequestHead()
        for (name, value) in fields {
            Array(name.utf8).withUnsafeBufferPointer { name in
                Array(value.utf8).withUnsafeBufferPointer { head.add(name, $0, limit: limit) }
            }
        }
        return head
    }

    @Test("a usual request is accepted") func usual() {
        let head = Self.head(Self.usual + [("grpc-timeout", "5S"), ("x-a", "1"), ("x-a", "2"), ("user-agent", "me")])
        #expect(head.verdict(limit: 8192) == .accept)
        #expect(head.timeout == .seconds(5))
        #expect(head.metadata.texts("x-a") == ["1", "2"])
        #expect(head.userAgent == "me")
    }

    @Test(
        "content types of gRPC",
        arguments: [
            "application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "application/grpc+proto;x",
        ])
    func grpc(_ type: String) { #expect(RequestHead.isGRPC(contentType: type.utf8)) }

    @Test(
        "other content types",
        arguments: [
            "", "application/json", "application/grpc-web", "application/grpc+json", "application/grpcx", "text/plain",
        ])
    func notGRPC(_ type: String) { #expect(!RequestHead.isGRPC(contentType: type.utf8)) }

    @Test("what is not gRPC gets an HTTP status") func notGRPCRequest() {
        var fields = Self.usual
        fields[0].1 = "GET"
        #expect(Self.head(fields).verdict(limit: 8192) == .httpStatus("405"))
        fields = Self.usual
        fields[3].1 = "application/json"
        #expect(Self.head(fields).verdict(limit: 8192) == .httpStatus("415"))
    }

    @Test("the size counts 32 bytes a field, and the limit is exact") func size() {
        let head = Self.head([("abc", "de")])
        #expect(head.size == 37)
        let full = Self.head(Self.usual)
        #expect(full.verdict(limit: full.size) == .accept)
        guard case .reject(let error) = full.verdict(limit: full.size - 1) else {
            Issue.record("accepted beyond the limit")
            return
        }
        #expect(error.code == .resourceExhausted)
    }

    @Test("bad fields are refused with their reason") func bad() {
        func code(_ extra: [(String, String)]) -> RPCStatus.Code? {
            guard case .reject(let error) = Self.head(Self.usual + extra).verdict(limit: 8192) else { return nil }
            return error.code
        }
        #expect(code([("grpc-timeout", "soon")]) == .internal)
        #expect(code([("grpc-encoding", "snappy")]) == .unimplemented)
        #expect(code([("grpc-encoding", "gzip")]) == nil)
        #expect(code([("x-bin", "!!!")]) == .internal)
        #expect(Self.head(Array(Self.usual.dropLast(2)) + [Self.usual[3]]).verdict(limit: 8192) != .accept)
    }

    @Test("binary metadata is decoded, joined values apart") func binary() {
        let head = Self.head(Self.usual + [("x-bin", "AQI,Aw=="), ("grpc-accept-encoding", "identity, gzip")])
        #expect(head.metadata.entries.map(\.value) == [.bytes([1, 2]), .bytes([3])])
        #expect(head.acceptsGzip)
    }

    @Test("metadata that can't be sent is found") func invalidMetadata() {
        func isValid(_ change: (inout RPCMetadata) -> Void) -> Bool {
            var metadata = RPCMetadata()
            change(&metadata)
            return metadata.firstInvalid == nil
        }
        #expect(isValid { $0.add("X-Mixed", "fine ~") })
        #expect(isValid { $0.add("x-bin", bytes: [0, 255]) })
        #expect(!isValid { $0.add("x", bytes: [0]) })
        #expect(!isValid { $0.add("x-bin", "text") })
        #expect(!isValid { $0.add("x", "new\nline") })
        #expect(!isValid { $0.add("grpc-status", "0") })
        #expect(!isValid { $0.add("te", "trailers") })
        #expect(!isValid { $0.add("", "x") })
        #expect(!isValid { $0.add("a b", "x") })
    }

    @Test("paths are found by their bytes") func paths() {
        var table = PathTable<Int>()
        for index in 0..<100 {
            let isNew = table.insert(index, path: "/s.S/M\(index)")
            #expect(isNew)
        }
        let again = table.insert(5, path: "/s.S/M5")
        #expect(!again)
        for index in 0..<100 {
            #expect(Array("/s.S/M\(index)".utf8).withUnsafeBufferPointer { table[$0] } == index)
        }
        #expect(Array("/s.S/M100".utf8).withUnsafeBufferPointer { table[$0] } == nil)
        #expect(Array("".utf8).withUnsafeBufferPointer { table[$0] } == nil)
    }
}
