#!/usr/bin/env bash
# Measures Cairn on PostgreSQL as its store grows: to 10 thousand, 1 million and 10 million keys of 100-byte values.
#
#     Scripts/bench-scale.sh                     about half an hour, and some 10 GB of disk
#     BENCH_KEYS=300000 Scripts/bench-scale.sh   to so many keys
#     BENCH_MINUTES=90                           how long it may take (60); it then fails
#     BENCH_DIR, BENCH_JSON, CAIRN_BIN           as for Scripts/bench.sh
#
# For each size it reports how fast keys were loaded, puts and gets of random keys and pages of 1,000 keys at 64 clients
# and at one, how long the server takes from its start to its first answer, and how large the database is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source Scripts/bench-servers.sh

most="${BENCH_KEYS:-10000000}"
[[ "$most" =~ ^[0-9]+$ && "$most" -ge 1000 && "$most" -le 10000000 ]] \
    || { echo "bench-scale: BENCH_KEYS must be 1000 to 10000000" >&2; exit 2; }
sizes=()
for size in 10000 1000000; do
    if [[ $size -lt $most ]]; then sizes+=("$size"); fi
done
sizes+=("$most")
ends_at=$((SECONDS + ${BENCH_MINUTES:-60} * 60))

echo "bench: $(nproc) cores shared by servers and load, $("$cairn" version 2>/dev/null | head -1)"
make_data
results="${BENCH_JSON:-$data/results.json}"
: >"$results"

# As `bench`, within the time that is left.
timed_bench() {
    local left=$((ends_at - SECONDS)) status=0
    [[ $left -gt 0 ]] || fail "BENCH_MINUTES have passed"
    timeout "$left" "$cairn" bench --json-file "$results" --keep-keys "$@" || status=$?
    [[ $status -ne 124 ]] || fail "BENCH_MINUTES have passed"
    return $status
}

megabytes() { # SQL expression in bytes
    query postgres "SELECT ($1) / 1048576" cairn
}

start_postgres
echo "== $(query postgres 'SELECT version()')"
query postgres "CREATE DATABASE cairn"
url="$(store_url postgres cairn)"
start_cairn cairn "$url"
wait_until_ready --target "$(target cairn cairn)"

loaded=0
summary=()
for size in "${sizes[@]}"; do
    name="keys-$size"
    echo "== from $loaded to $size keys"
    where="$name=cairn:127.0.0.1:${ports[cairn]}@${pids[cairn]},database=${pids[postgres]}"
    timed_bench --target "$where" --workloads load,put,get,list --keys "$size" --load-from "$loaded" --batch 500 \
        --clients 1,64 --rounds 3
    stop cairn
    start_cairn cairn "$url"
    where="$name=cairn:127.0.0.1:${ports[cairn]}@${pids[cairn]}"
    timed_bench --target "$where" --workloads ready --keys "$size"
    summary+=("$(printf '%10d  %8.0f  %8.0f  %8.0f  %8.0f  %8.0f  %8d  %8d  %8d  %8d' "$size" \
        "$(result load 16 "$name" rate)" "$(result put 64 "$name" rate)" "$(result get 64 "$name" rate)" \
        "$(result list 1 "$name" p50Us)" "$(result list 64 "$name" rate)" "$(($(result ready 1 "$name" p50Us) / 1000))" \
        "$(megabytes "pg_database_size('cairn')")" "$(megabytes "pg_total_relation_size('cairn.events')")" \
        "$(megabytes "pg_total_relation_size('cairn.records')")")")
    loaded=$size
done
stop

echo "== summary: 64 clients, but for a page's time, which is one client's"
printf '%10s  %8s  %8s  %8s  %8s  %8s  %8s  %8s  %8s  %8s\n' keys load/s put/s get/s 'page µs' pages/s 'start ms' \
    'total MB' 'events' 'records'
printf '%s\n' "${summary[@]}"
