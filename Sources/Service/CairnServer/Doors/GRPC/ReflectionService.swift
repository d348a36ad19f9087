internal import CairnProtocol
internal import CairnRPC
internal import Foundation
internal import SwiftProtobuf

/// `grpc.reflection.v1.ServerReflection`: what the server serves, for tools such as grpcurl (gRPC server reflection
/// protocol).
struct ReflectionService: Sendable {
    private let services: [String]
    /// Each file's bytes, by name.
    private let files: [String: Data]
    /// The files that a file needs, by name.
    private let imports: [String: [String]]
    /// The file that declares a symbol.
    private let symbols: [String: String]

    init(services: [String]) {
        var files: [String: Data] = [:]
        var imports: [String: [String]] = [:]
        var symbols: [String: String] = [:]
        // Generated beside the messages; a test decodes it, so that it can't be broken.
        let set = (try? Google_Protobuf_FileDescriptorSet(serializedBytes: fileDescriptorSet)) ?? .init()
        for file in set.file {
            files[file.name] = try? file.serializedData()
            imports[file.name] = file.dependency
            for symbol in file.symbols { symbols[symbol] = file.name }
        }
        self.services = services + ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]
        self.files = files
        self.imports = imports
        self.symbols = symbols
    }

    func register(on router: inout RPCRouter) {
        // v1alpha has the same messages under another package name, and is what older tools ask for.
        for version in ["v1", "v1alpha"] {
            router.bidirectional("grpc.reflection.\(version).ServerReflection/ServerReflectionInfo", endsOnDrain: true)
            {
                (requests: RPCRequestStream<Grpc_Reflection_V1_ServerReflectionRequest>, responses, _) in
                for try await request in requests { try await responses.write(answer(request)) }
            }
        }
    }

    private func answer(
        _ request: Grpc_Reflection_V1_ServerReflectionRequest
    ) -> Grpc_Reflection_V1_ServerReflectionResponse {
        var response = Grpc_Reflection_V1_ServerReflectionResponse()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .listServices:
            response.listServicesResponse.service = services.map { name in .with { $0.name = name } }
        case .fileByFilename(let name):
            answer(with: name, in: &response, orSay: "there is no file \(name)")
        case .fileContainingSymbol(let symbol):
            answer(with: symbols[symbol], in: &response, orSay: "there is no symbol \(symbol)")
        case .allExtensionNumbersOfType(let type) where symbols[type] != nil:
            response.allExtensionNumbersResponse.baseTypeName = type
        case .fileContainingExtension, .allExtensionNumbersOfType, nil:
            answer(with: nil, in: &response, orSay: "there are no extensions")
        }
        return response
    }

    /// A file and all that it needs, needed ones first.
    private func answer(
        with name: String?, in response: inout Grpc_Reflection_V1_ServerReflectionResponse, orSay message: String
    ) {
        guard let name, files[name] != nil else {
            response.errorResponse.errorCode = Int32(RPCStatus.Code.notFound.rawValue)
            response.errorResponse.errorMessage = message
            return
        }
        var ordered: [String] = []
        func visit(_ name: String) {
            guard !ordered.contains(name) else { return }
            for needed in imports[name] ?? [] { visit(needed) }
            ordered.append(name)
        }
        visit(name)
        response.fileDescriptorResponse.fileDescriptorProto = ordered.compactMap { files[$0] }
    }
}

extension Google_Protobuf_FileDescriptorProto {
    /// The full names of what the file declares.
    fileprivate var symbols: [String] {
        let prefix = package.isEmpty ? "" : package + "."
        return messageType.flatMap { $0.symbols(in: prefix) } + enumType.map { prefix + $0.name }
            + service.flatMap { service in
                [prefix + service.name] + service.method.map { prefix + service.name + "." + $0.name }
            }
    }
}

extension Google_Protobuf_DescriptorProto {
    fileprivate func symbols(in prefix: String) -> [String] {
        let name = prefix + self.name
        return [name] + field.map { name + "." + $0.name } + enumType.map { name + "." + $0.name }
            + nestedType.flatMap { $0.symbols(in: name + ".") }
    }
}
