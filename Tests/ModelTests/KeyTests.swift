import CairnModel
import Testing

@Suite("key")
struct KeyTests {
    @Test("order is bytewise, and a prefix comes first")
    func order() {
        let ordered: [Key] = [
            "", Key(bytes: [0]), Key(bytes: [0, 0]), "A", "B", "a", Key(bytes: [0x61, 0]), "a ", "a/", "a/b", "aa", "b",
            "é",
            "日", "🪨", Key(bytes: [0xFE]), Key(bytes: [0xFF]), Key(bytes: [0xFF, 0]), Key(bytes: [0xFF, 0xFF]),
        ]
        for (i, a) in ordered.enumerated() {
            for (j, b) in ordered.enumerated() {
                #expect((a < b) == (i < j), "\(a) < \(b)")
                #expect((a == b) == (i == j))
                #expect((a < b) == a.bytes.lexicographicallyPrecedes(b.bytes))
            }
        }
    }

    @Test("nothing is normalised")
    func identity() {
        #expect(Key("é") != Key("e\u{301}"))
        #expect(Key("Key") != Key("key"))
        #expect(Key("key ") != Key("key"))
        #expect(Key("é").bytes == [0xC3, 0xA9])
        #expect(Set([Key("a"), Key(bytes: [0x61])]).count == 1)
    }

    @Test("the successor is the next key there can be")
    func successor() {
        for key: Key in ["a", Key(bytes: []), Key(bytes: [0xFF])] {
            #expect(key < key.successor)
            #expect(key.successor.bytes == key.bytes + [0])
        }
    }

    @Test("prefixes are compared in bytes")
    func prefix() {
        #expect(Key("abc").hasPrefix("ab"))
        #expect(Key("abc").hasPrefix(""))
        #expect(Key("abc").hasPrefix("abc"))
        #expect(!Key("ab").hasPrefix("abc"))
        #expect(!Key("aXc").hasPrefix("a_"))
        #expect(Key(bytes: [0xC3, 0xA9]).hasPrefix(Key(bytes: [0xC3])))
    }

    @Test(
        "a description shows what is printable, and the rest in hexadecimal",
        arguments: [
            (Key("a/b"), "\"a/b\""), (Key("é日"), "\"é日\""), (Key(bytes: [0x61, 0]), "\"a\\x00\""),
            (Key(bytes: [0xFF, 0x0A]), "\"\\xFF\\x0A\""), (Key(bytes: []), "\"\""),
            (Key(bytes: [0x61, 0x7F]), "\"a\\x7F\""),
            (Key(bytes: [0xC2, 0x85]), "\"\\xC2\\x85\""),
        ])
    func description(key: Key, text: String) {
        #expect(key.description == text)
    }

    @Test("text replaces what is not UTF-8")
    func text() {
        #expect(Key("é").text == "é")
        #expect(Key(bytes: [0x61, 0xFF]).text == "a\u{FFFD}")
    }
}

@Suite("key range")
struct KeyRangeTests {
    static let keys: [Key] = [
        Key(bytes: [0]), "a", Key(bytes: [0x61, 0]), "a/b", "a0", "aÿ", Key(bytes: [0x61, 0xFF]),
        Key(bytes: [0x61, 0xFF, 0xFF, 7]),
        "b", Key(bytes: [0xFE, 0xFF]), Key(bytes: [0xFF]), Key(bytes: [0xFF, 0]), Key(bytes: [0xFF, 0xFF]),
        Key(bytes: [0xFF, 0xFF, 0]),
    ]

    @Test("a prefix's range holds exactly the keys that start with it", arguments: keys + ["", "a/", "c"])
    func prefix(prefix: Key) {
        let range = KeyRange(prefix: prefix)
        for key in KeyRangeTests.keys { #expect(range.contains(key) == key.hasPrefix(prefix), "\(key)") }
        #expect(range.contains(prefix))
        #expect(!range.isEmpty)
    }

    @Test(
        "the end of a prefix's range",
        arguments: [
            ("a", Key("b")), (Key(bytes: [0x61, 0xFF]), Key("b")), (Key(bytes: [0x61, 0xFF, 0xFF]), Key("b")),
            (Key(bytes: [0xFE, 0xFF]), Key(bytes: [0xFF])), (Key(bytes: [0xFF]), nil), (Key(bytes: [0xFF, 0xFF]), nil),
            ("", nil),
            (Key(bytes: [0]), Key(bytes: [1])),
        ] as [(Key, Key?)])
    func successor(prefix: Key, upper: Key?) {
        #expect(KeyRange(prefix: prefix).upper == upper)
        #expect(KeyRange(prefix: prefix).lower == prefix)
    }

    @Test("a range of one key knows it, and no other range does")
    func single() {
        for key in KeyRangeTests.keys {
            let range = KeyRange(single: key)
            #expect(range.singleKey == key)
            #expect(KeyRangeTests.keys.filter { range.contains($0) } == [key])
            #expect(KeyRange(prefix: key).singleKey == nil)
        }
        #expect(KeyRange.all.singleKey == nil)
        #expect(KeyRange(from: "a", to: "b").singleKey == nil)
        #expect(KeyRange(from: "", to: Key(bytes: [0])).singleKey == nil)
    }

    @Test("a range that ends where it starts, or before, is empty")
    func empty() {
        #expect(KeyRange(from: "a", to: "a").isEmpty)
        #expect(KeyRange(from: "b", to: "a").isEmpty)
        #expect(!KeyRange(from: "a", to: Key(bytes: [0x61, 0])).isEmpty)
        #expect(!KeyRange(from: "a", to: nil).isEmpty)
        #expect(!KeyRange(from: "b", to: "a").contains("a"))
        #expect(KeyRangeTests.keys.allSatisfy { KeyRange.all.contains($0) })
    }
}
