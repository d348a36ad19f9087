#!/usr/bin/env bash
# Measures the release binary beside its peers, in one run and at the same durability, and says how far the targets are
# met.
#
#     Scripts/bench.sh                  about half an hour
#     BENCH_QUICK=1 Scripts/bench.sh    about five minutes
#     BENCH_SECTIONS=etcd,postgres,mariadb,replicas,redis
#                                       what to measure: Cairn on SQLite beside etcd; on a database server beside a store
#                                       with one transaction for each write; several replicas of one store; Cairn in
#                                       memory beside Redis. All, unless told otherwise
#     BENCH_DIR=DIR                     where the servers' data go: on a real disk, not tmpfs (a new folder in .build)
#     BENCH_JSON=FILE                   keep the results as JSON, one object a line
#     CAIRN_BIN=FILE CAIRN_BASELINE_BIN=FILE
#                                       other binaries than those in .build/release
#
# It starts servers of its own on free loopback ports, and stops them by their process ids. What it reports is described in
# docs/benchmarks.md. A target that isn't met is reported and is no failure; a run that can't be finished is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source Scripts/bench-servers.sh

if [[ -n "${BENCH_QUICK:-}" ]]; then
    counts=1,64 rounds=2 duration=1s large=100000
else
    counts=1,16,64,256 rounds=3 duration=2s large=1000000
fi
sections="${BENCH_SECTIONS:-etcd,postgres,mariadb,replicas,redis}"
for section in ${sections//,/ }; do
    [[ " etcd postgres mariadb replicas redis " == *" $section "* ]] || {
        echo "bench: there is no section '$section': there are etcd, postgres, mariadb, replicas and redis" >&2
        exit 2
    }
done
has() { [[ ",$sections," == *",$1,"* ]]; }

has etcd && ! command -v etcd >/dev/null && { echo "bench: there is no etcd: run 'make deps-bench'" >&2; exit 1; }
echo "bench: $(nproc) cores shared by servers and load, $("$cairn" version 2>/dev/null | head -1)"
has redis && ! command -v redis-server >/dev/null \
    && { echo "bench: there is no redis-server: run 'make deps-bench'" >&2; exit 1; }
make_data
results="${BENCH_JSON:-$data/results.json}"
: >"$results"

# Cairn on SQLite and in memory, beside etcd.
measure_etcd() {
    local all
    etcd --version | head -1
    start_cairn sqlite "sqlite:$data/small.db"
    start_cairn memory memory:
    start_etcd etcd small
    all=(--target "$(target sqlite cairn)" --target "$(target etcd etcd)" --target "$(target memory cairn)")
    wait_until_ready "${all[@]}"
    echo "== puts and gets of 16-byte keys and 100-byte values, over 8 connections"
    bench "${all[@]}" --workloads put,get --clients "$counts" --rounds "$rounds" --duration "$duration"
    echo "== pages of 1,000 keys, and put to event"
    bench "${all[@]}" --workloads list,watch --clients 1,16 --rounds "$((rounds - 1))" --duration "$duration"
    stop
}

measure_large() {
    local all
    echo "== $large keys: load, memory, start"
    start_cairn sqlite "sqlite:$data/large.db"
    start_etcd etcd large
    all=(--target "$(target sqlite cairn)" --target "$(target etcd etcd)")
    wait_until_ready "${all[@]}"
    bench "${all[@]}" --workloads load --keys "$large"
    stop
    start_cairn sqlite "sqlite:$data/large.db"
    bench --target "$(target sqlite cairn)" --workloads ready --keys "$large"
    stop
    start_etcd etcd large
    bench --target "$(target etcd etcd)" --workloads ready --keys "$large"
    stop
}

# Cairn on a database server, beside the baseline on the same server, in databases of their own. The baseline takes no
# transactions of several keys, so both are loaded key by key.
measure_database() { # postgres or mariadb
    local both one
    "start_$1"
    echo "== $1: $(query "$1" 'SELECT version()')"
    query "$1" "CREATE DATABASE cairn"
    query "$1" "CREATE DATABASE naive"
    start_cairn "$1-cairn" "$(store_url "$1" cairn)"
    start_baseline "$1-naive" "$(store_url "$1" naive)"
    one=(--target "$(target "$1-cairn" cairn "$1")")
    both=("${one[@]}" --target "$(target "$1-naive" cairn "$1")")
    wait_until_ready "${both[@]}"
    echo "== $1: puts and gets of 16-byte keys and 100-byte values, over 8 connections"
    bench "${both[@]}" --workloads put,get --clients "$counts" --rounds "$rounds" --duration "$duration" --batch 1
    stop "$1-naive"
    echo "== $1: pages of 1,000 keys, and put to event"
    bench "${one[@]}" --workloads list,watch --clients 1,16 --rounds "$((rounds - 1))" --duration "$duration"
    stop
    rm -rf "${data:?}/$1"
}

# Two replicas on one database: puts through one, a watch on the other. First one put after the other, then one put now
# and then, which finds everybody asleep.
measure_replicas() { # postgres or mariadb
    local watched name
    "start_$1"
    query "$1" "CREATE DATABASE cairn"
    start_cairn "$1-pair" "$(store_url "$1" cairn)"
    wait_until_ready --target "$(target "$1-pair" cairn)"
    start_cairn "$1-second" "$(store_url "$1" cairn)"
    wait_until_ready --target "$(target "$1-second" cairn)"
    watched="$(target "$1-pair" cairn "$1"),watch=127.0.0.1:${ports[$1-second]}"
    echo "== $1: two replicas, put through one to event on the other; then with pauses"
    bench --target "$watched" --workloads watch --clients 1 --rounds "$rounds" --duration "$duration"
    bench --target "$1-rare${watched#"$1-pair"}" --workloads watch --clients 1 --rounds "$rounds" \
        --duration "$((2 * rounds))s" --pause 20ms
    stop
    rm -rf "${data:?}/$1"
}

# Cairn in memory beside Redis, whose clients have a connection each and one call under way, as `cairn bench` speaks to
# both: sets and gets, and what a key costs in memory.
measure_redis() {
    local all
    redis-server --version
    start_cairn cairn-memory memory:
    start_redis redis never
    start_redis redis-always always
    all=(--target "$(target cairn-memory cairn)" --target "$(target redis redis)")
    all+=(--target "$(target redis-always redis)")
    wait_until_ready "${all[@]}"
    echo "== sets and gets of 20-byte keys and 100-byte values; Redis with a log of writes synced never and always"
    bench "${all[@]}" --reference redis --workloads put,get --clients 64 --rounds "$rounds" --duration "$duration" \
        --key-size 20
    stop
}

declare -A key_memory=()
measure_key_memory() { # name, cairn or redis: of a server that has just been started, and is empty
    local before
    wait_until_ready --target "$(target "$1" "$2")"
    before="$(resident "$1")"
    bench --target "$(target "$1" "$2")" --workloads load --keys "$large" --key-size 20
    # The time within which a log is cut.
    [[ "$1" != *-short ]] || sleep 12
    key_memory[$1]=$((($(resident "$1") - before) / large))
    stop "$1"
}

measure_redis_memory() {
    echo "== $large keys of 20 bytes with 100-byte values: memory per key; Cairn with its whole log, and with 1,000 events"
    start_cairn cairn-memory memory:
    measure_key_memory cairn-memory cairn
    start_cairn cairn-short memory: --retain-events 1000
    measure_key_memory cairn-short cairn
    start_redis redis never
    measure_key_memory redis redis
}

if has etcd; then
    measure_etcd
    measure_large
fi
for database in postgres mariadb; do
    if has $database; then measure_database $database; fi
done
if has replicas; then
    for database in postgres mariadb; do measure_replicas $database; done
fi

if has redis; then
    measure_redis
    measure_redis_memory
fi

declare -A title=([postgres]=PostgreSQL [mariadb]=MariaDB)
milliseconds() { awk -v us="$(result "$@")" 'BEGIN { print us / 1000 }'; }

echo "== summary: 64 clients, every put durable but for what is in memory"
if has etcd; then
    judge "put: rate, times etcd's" "$(result put 64 sqlite rateRatio)" at-least 2
    judge "put: server CPU per operation, times etcd's" "$(result put 64 sqlite serverCpuRatio)" at-most 0.5
    judge "get: rate, times etcd's" "$(result get 64 sqlite rateRatio)" at-least 2
    judge "get: server CPU per operation, times etcd's" "$(result get 64 sqlite serverCpuRatio)" at-most 0.33
fi
for database in postgres mariadb; do
    has $database || continue
    naive="times the naive baseline's (${title[$database]})"
    judge "put: rate, $naive" "$(result put 64 "$database-cairn" rateRatio)" at-least 10
    judge "get: rate, $naive" "$(result get 64 "$database-cairn" rateRatio)" at-least 3
done
if has replicas; then
    for database in postgres mariadb; do
        across="put to event across replicas, ms (${title[$database]})"
        judge "p99 of $across" "$(milliseconds watch 1 "$database-pair" p99Us)" at-most 10
        judge "p99 of a rare $across" "$(milliseconds watch 1 "$database-rare" p99Us)" at-most 10
    done
fi
if has redis; then
    for workload in put get; do
        for name in cairn-memory redis-always; do
            printf '%-12s %s: %.2f times the rate of Redis without a log, %.2f times its CPU per operation\n' "$name" \
                "$workload" "$(result $workload 64 $name rateRatio)" "$(result $workload 64 $name serverCpuRatio)"
        done
    done
    for name in cairn-memory cairn-short redis; do
        printf '%-12s %s keys: %d bytes a key, %.2f times those of Redis\n' "$name" "$large" "${key_memory[$name]}" \
            "$(awk -v a="${key_memory[$name]}" -v b="${key_memory[redis]}" 'BEGIN { print a / b }')"
    done
fi
if has etcd; then
    for name in sqlite etcd; do
        printf '%-8s %s keys: %d MB resident after the load, answers a read %d ms after its start\n' "$name" "$large" \
            "$(($(result load 16 "$name" residentBytes) / 1048576))" "$(($(result ready 1 "$name" p50Us) / 1000))"
    done
fi
if has replicas; then
    for name in {postgres,mariadb}-{pair,rare}; do
        printf '%-14s put to event across replicas: p50 %.2f ms, p99 %.2f ms\n' "$name" \
            "$(milliseconds watch 1 "$name" p50Us)" "$(milliseconds watch 1 "$name" p99Us)"
    done
fi
