#!/usr/bin/env bash
# Tells of a log of `swift test` what failed, and what had begun and not ended: a log is long, and often only its end is
# kept. Usage: failed-tests.sh LOG
set -euo pipefail
log=$1

echo
echo "=== what failed"
# An issue is a line that begins with ✘; what belongs to it follows, indented by an arrow.
awk '/^✘/ { print; follows = 1; next } follows && /^(↳|[[:space:]])/ { print; next } { follows = 0 }' "$log" |
    head -n 200
grep -nE 'Fatal error|Crash|signal code|error: Exited' "$log" | head -n 20 || true

echo
echo "=== what began and did not end"
awk '
    # "in quotes", or function(with:labels:)
    function name(line) { return match(line, /"[^"]*"|[A-Za-z0-9_]+\([^)]*\)/) ? substr(line, RSTART, RLENGTH) : line }
    /^◇ Test .* started\.$/ && !/^◇ Test (run|case)/ { begun[name($0)] = 1 }
    /^[^◇ ]+ Test .* (passed|failed|skipped)/ { delete begun[name($0)] }
    END { for (test in begun) print test }' "$log"
