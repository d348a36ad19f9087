import CairnModel
import Testing

@testable import CairnPostgres

@Suite("PostgreSQL: the table of errors")
struct ErrorTests {
    @Test(
        "a SQLSTATE has a code, and says whether to try again",
        arguments: [
            ("40001", .storageBusy, .safe), ("40P01", .storageBusy, .safe), ("55P03", .storageBusy, .safe),
            ("57014", .storageBusy, .safe), ("26000", .storageBusy, .safe), ("42P05", .storageBusy, .safe),
            ("53100", .storageFull, .safe), ("53200", .storageFailed, .safe), ("53300", .unavailable, .safe),
            ("54000", .storageFailed, .never), ("54001", .storageFailed, .never), ("58030", .storageFailed, .safe),
            ("57P01", .unavailable, .safe), ("57P03", .unavailable, .safe), ("08006", .unavailable, .safe),
            ("25006", .unavailable, .safe), ("25P03", .unavailable, .safe), ("0A000", .unavailable, .safe),
            ("28P01", .authenticationFailed, .never), ("28000", .authenticationFailed, .never),
            ("3D000", .databaseNotFound, .never), ("42P01", .databaseNotFound, .never),
            ("42501", .permissionDenied, .never), ("XX001", .corrupted, .never), ("23505", .corrupted, .never),
            ("22P02", .storageFailed, .never), ("XX000", .storageFailed, .never),
        ] as [(String, StoreError.Code, StoreError.Retry)])
    func states(_ state: String, _ code: StoreError.Code, _ retry: StoreError.Retry) {
        let error = StoreError.postgres(ServerWords(state: state, message: "its words"), place: "there")
        #expect(error.code == code && error.retry == retry)
        #expect(error.message.hasPrefix("there: ") && error.message.contains("its words"))
        #expect(error.nativeCode != 0)
    }

    @Test("the SQLSTATE of a refused connection is found in any language")
    func verbose() {
        let german = """
            Verbindung zum Server auf »127.0.0.1«, Port 5432 fehlgeschlagen: FATAL:  28P01: Passwort falsch: x
            LOCATION:  auth_failed, auth.c:338
            """
        #expect(ServerWords(verbose: german)?.state == "28P01")
        #expect(ServerWords(verbose: german)?.message == "Passwort falsch: x")
        #expect(ServerWords(verbose: "connection failed: FATAL:  sorry, too many") == nil)
        #expect(StoreError.unopened(german, place: "p").code == .authenticationFailed)
    }

    @Test(
        "where there was no server to say anything, libpq's words decide",
        arguments: [
            ("Connection refused\n\tIs the server running", .unavailable), ("timeout expired", .unavailable),
            ("could not translate host name \"x\" to address", .unavailable),
            ("fe_sendauth: no password supplied", .authenticationFailed),
            ("server does not support SSL, but SSL was required", .unsuitableHome),
            ("SSL error: certificate verify failed", .unsuitableHome), ("session is read-only", .unavailable),
        ] as [(String, StoreError.Code)])
    func clientWords(_ text: String, _ code: StoreError.Code) {
        let error = StoreError.unopened(text, place: "p")
        #expect(error.code == code)
        #expect(!error.message.contains("\n") && !error.message.contains("\t"))
    }

    @Test("poolers that number nothing are understood by their words")
    func poolers() {
        func code(_ message: String) -> StoreError.Code {
            StoreError.postgres(ServerWords(state: "08P01", message: message), place: "p").code
        }
        #expect(code("no such database: x") == .databaseNotFound)
        #expect(code("password authentication failed") == .authenticationFailed)
        #expect(code("no more connections allowed (max_client_conn)") == .unavailable)
        #expect(code("query_wait_timeout") == .unavailable)
    }

    @Test("settings that weaken durability are told, and those that don't are not")
    func durability() {
        func warnings(_ change: (inout Durability.Settings) -> Void) -> [String] {
            var settings = Durability.Settings()
            change(&settings)
            return Durability.warnings(settings)
        }
        #expect(warnings { _ in }.isEmpty)
        #expect(warnings { $0.fsync = "off" }.count == 1)
        #expect(warnings { $0.fullPageWrites = "off" }.count == 1)
        #expect(warnings { $0.synchronousCommit = "off" }.count == 1)
        #expect(warnings { $0.synchronousCommit = "local" }.isEmpty)
        #expect(warnings { $0.standbys = 1 }.count == 1)
        #expect(warnings { ($0.standbys, $0.synchronousStandbys) = (1, "*") }.isEmpty)
        for level in ["local", "remote_write", "off"] {
            #expect(warnings { ($0.synchronousStandbys, $0.synchronousCommit) = ("*", level) }.count == 1)
        }
    }
}
