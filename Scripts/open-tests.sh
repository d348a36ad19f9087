#!/usr/bin/env bash
# Lists the tests of an event stream of `swift test` that have begun and not ended. Usage: open-tests.sh EVENTS
set -euo pipefail
awk '
    function field(name) {
        return match($0, "\"" name "\":\"[^\"]*\"") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 5) : ""
    }
    # Functions, which have parentheses, and no suites: a suite is open while one of its functions is.
    /"kind":"testStarted"/ { if ((test = field("testID")) ~ /\(/) open[test] = 1 }
    /"kind":"testEnded"/ { delete open[field("testID")] }
    END { for (test in open) { gsub(/\\\//, "/", test); print "  " test } }' "$1" | sort
