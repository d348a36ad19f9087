#!/usr/bin/env bash
# Runs `swift test` and keeps its output in a log. A run in which nothing happens any more says within a minute which
# tests it is waiting for, again every minute, and is ended after five.
# Usage: run-tests.sh LOG [ARGUMENT of swift test]…
set -uo pipefail
log=$1
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
report_after=${TEST_SILENCE_REPORT:-60} # seconds
end_after=${TEST_SILENCE_END:-300}
events=$(mktemp)
trap 'rm -f "$events"' EXIT

# In a process group of its own, so that all of it can be ended. What it prints may be held back by a pipe; the events
# are written as they happen.
set -m
swift test --event-stream-output-path "$events" --event-stream-version 0 "$@" > >(tee "$log") 2>&1 &
tests=$!
set +m
trap 'kill -TERM -- -$tests 2> /dev/null; rm -f "$events"; exit 143' INT TERM

reported=$report_after
while kill -0 "$tests" 2> /dev/null; do
    sleep 1
    [[ -s $events ]] || continue
    silence=$(($(date +%s) - $(stat -c %Y "$events")))
    if ((silence < report_after)); then
        reported=$report_after
        continue
    fi
    ((silence >= reported)) || continue
    reported=$((reported + report_after))
    {
        echo "=== no test has begun or ended for $silence s; these have begun and not ended:"
        open=$("$here/open-tests.sh" "$events")
        echo "${open:-  none: it is the run itself that does not go on}"
    } | tee -a "$log" >&2
    if ((silence >= end_after)); then
        echo "=== ending the run" | tee -a "$log" >&2
        kill -TERM -- "-$tests" 2> /dev/null
        sleep 2
        kill -KILL -- "-$tests" 2> /dev/null
    fi
done
wait "$tests"
