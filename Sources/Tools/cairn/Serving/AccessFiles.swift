import CairnSecurity
import CairnSettings
import Foundation
import NIOPosix

/// The files that say who may call.
enum AccessFiles {
    /// The policy that the settings name; `nil` if they name none. Reads files, on a thread for blocking calls.
    ///
    /// Throws ``SecurityProblems`` with everything that is wrong.
    static func policy(_ settings: Settings) async throws(SecurityProblems) -> AccessPolicy? {
        let (tokens, jwtKey) = (settings.text(.tokens), settings.text(.jwtKey))
        if tokens == nil, jwtKey == nil { return nil }
        var problems: [String] = []
        var entries: [TokenEntry] = []
        var jwt: JWTVerifier?
        do throws(SecurityProblems) {
            if let tokens {
                let bytes = try await bytes(of: tokens)
                entries = try TokensFile.entries(of: String(decoding: bytes, as: UTF8.self), path: tokens)
            }
        } catch {
            problems += error.messages
        }
        do throws(SecurityProblems) {
            if let jwtKey {
                let keys = try await JWTKeys(try await bytes(of: jwtKey), path: jwtKey)
                jwt = JWTVerifier(keys: keys, issuer: settings.text(.jwtIssuer), audience: settings.text(.jwtAudience))
            }
        } catch {
            problems += error.messages
        }
        guard problems.isEmpty else { throw SecurityProblems(problems) }
        return AccessPolicy(entries: entries, jwt: jwt)
    }

    private static func bytes(of path: String) async throws(SecurityProblems) -> [UInt8] {
        do {
            return try await NIOThreadPool.singleton.runIfActive {
                Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            }
        } catch {
            throw SecurityProblems(["\(path) can't be read: \(error.localizedDescription)"])
        }
    }
}

extension Settings {
    /// Who is an admin by name.
    var adminClientIDSet: Set<String> { Set(list(.adminClientIDs)) }
}
