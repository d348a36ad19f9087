import CairnModel
import Testing

@testable import CairnMySQL

/// The table of errors: what a number means to who called.
@Suite("MySQL: errors")
struct ErrorTests {
    private static let mariaDB = ServerFacts(["version": "10.11.6-MariaDB"])
    private static let mySQL = ServerFacts(["version": "8.4.0"])

    private func error(_ number: Int, _ words: String = "words", _ server: ServerFacts = mariaDB) -> StoreError {
        .mysql(Failure(number: number, state: "HY000", words: words, statement: 0), server, place: "mysql://u@h/d")
    }

    @Test(
        "numbers and their codes",
        arguments: [
            (2_002, .unavailable), (2_003, .unavailable), (2_005, .unavailable), (2_006, .unavailable),
            (2_013, .unavailable), (2_055, .unavailable), (5_013, .unavailable), (2_026, .unsuitableHome),
            (2_059, .authenticationFailed), (1_040, .unavailable), (1_203, .unavailable), (1_226, .unavailable),
            (1_047, .unavailable), (1_053, .unavailable), (1_927, .unavailable), (1_290, .unavailable),
            (1_792, .unavailable), (1_836, .unavailable), (1_205, .storageBusy), (1_213, .storageBusy),
            (1_020, .storageBusy), (1_317, .storageBusy), (1_412, .storageBusy), (1_969, .storageBusy),
            (1_045, .authenticationFailed), (1_698, .authenticationFailed), (1_862, .authenticationFailed),
            (1_130, .permissionDenied), (1_129, .permissionDenied), (1_049, .databaseNotFound),
            (1_044, .permissionDenied), (1_142, .permissionDenied), (1_143, .permissionDenied), (1_146, .corrupted),
            (1_054, .corrupted), (1_194, .corrupted), (1_114, .storageFull), (1_021, .storageFull),
            (1_153, .unsuitableHome), (1_286, .unsuitableHome), (1_064, .storageFailed), (1_180, .storageFailed),
        ] as [(Int, StoreError.Code)])
    func codes(_ number: Int, _ code: StoreError.Code) {
        let error = error(number)
        #expect(error.code == code)
        #expect(error.nativeCode == Int32(number))
        #expect(error.message.hasPrefix("mysql://u@h/d: "))
        #expect((error.retry == .safe) == [.unavailable, .storageBusy, .storageFull].contains(code))
    }

    @Test("where the two products differ, each is read as its own")
    func products() {
        for (number, code) in [
            (3_101, .storageBusy), (3_024, .storageBusy), (4_031, .unavailable), (3_169, .unavailable),
        ]
            as [(Int, StoreError.Code)]
        {
            #expect(error(number, "w", Self.mySQL).code == code)
            #expect(error(number, "w", Self.mariaDB).code == .storageFailed)
        }
    }

    @Test("a full disk is known by the system's number, which is in the words")
    func fullDisk() {
        #expect(
            error(1_030, "Got error 28 \"No space left on device\" from storage engine InnoDB").code == .storageFull)
        #expect(error(3, "Error writing file './bin.1' (Errcode: 28 \"No space left on device\")").code == .storageFull)
        #expect(error(1_030, "Got error 5 \"Input/output error\" from storage engine").code == .storageFailed)
    }

    @Test("the missing right and its table are named")
    func rights() {
        let words = "INSERT command denied to user 'app'@'h' for table `d`.`cairn_head`"
        #expect(error(1_142, words).message.contains("GRANT INSERT ON `d`.`cairn_head` TO"))
    }

    @Test("a server that wants encryption, under whatever number")
    func secureTransport() {
        let words = "Connections using insecure transport are prohibited while --require_secure_transport=ON."
        let failure = Failure(number: 3_159, state: "08004", words: words, statement: 0)
        #expect(StoreError.mysql(failure, ServerFacts(), place: "p").code == .unsuitableHome)
    }
}
