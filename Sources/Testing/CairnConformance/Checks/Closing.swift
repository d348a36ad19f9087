internal import CairnModel
internal import Testing

extension Check {
    static let closing: [Check] = [
        Check("a closed store refuses everything") { home in
            let store = home.store
            try await store.set("key", "1")
            await store.close()
            var codes: [StoreError.Code?] = []
            codes.append(await home.refusal { () async throws(StoreError) in try await store.get("key") }?.code)
            codes.append(await home.refusal { () async throws(StoreError) in try await store.set("key", "2") }?.code)
            codes.append(
                await home.refusal { () async throws(StoreError) in try await store.list(ListRequest(range: .all)) }?
                    .code)
            codes.append(await home.refusal { () async throws(StoreError) in try await store.status() }?.code)
            codes.append(
                await home.refusal { () async throws(StoreError) in try await store.watch(WatchRequest(range: .all)) }?
                    .code)
            #expect(codes == Array(repeating: .closed, count: 5))
        },
        Check("a store may be closed twice") { home in
            await home.store.close()
            await home.store.close()
            let error = await home.refusal { () async throws(StoreError) in try await home.store.status() }
            #expect(error?.code == .closed)
        },
        Check("closing ends the streams", requires: [.eventLog]) { home in
            let store = home.store
            let stream = try await store.watch(WatchRequest(range: .all))
            async let code: StoreError.Code? = {
                await home.refusal { () async throws(StoreError) in
                    var reader = EventReader(stream)
                    while try await reader.next() != nil {}
                }?.code
            }()
            await store.close()
            let ended = await code
            #expect(ended == .closed)
        },
    ]
}
