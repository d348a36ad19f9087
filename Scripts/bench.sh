#!/usr/bin/env bash
# Measures the release binary beside etcd, in one run and at the same durability, and says how far the targets are met.
#
#     Scripts/bench.sh                  about ten minutes
#     BENCH_QUICK=1 Scripts/bench.sh    about two
#     BENCH_DIR=DIR                     where the servers' data go: on a real disk, not tmpfs (a new folder in .build)
#     BENCH_JSON=FILE                   keep the results as JSON, one object a line
#
# It starts servers of its own on free loopback ports, and stops them by their process ids. What it reports is described in
# docs/benchmarks.md. A target that isn't met is reported and is no failure; a run that can't be finished is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cairn=.build/release/cairn
[[ -x "$cairn" ]] || { echo "bench: there is no $cairn: run 'make build'" >&2; exit 1; }
command -v etcd >/dev/null || { echo "bench: there is no etcd: run 'make deps-bench'" >&2; exit 1; }

if [[ -n "${BENCH_QUICK:-}" ]]; then
    counts=1,64 rounds=2 duration=1s large=100000
else
    counts=1,16,64,256 rounds=3 duration=2s large=1000000
fi

data="${BENCH_DIR:-.build}/bench-data.$$"
mkdir -p "$data"
results="${BENCH_JSON:-$data/results.json}"
: >"$results"
declare -A pids=()

stop() { # every server that runs
    local name
    for name in "${!pids[@]}"; do
        kill -TERM "${pids[$name]}" 2>/dev/null || true
        wait "${pids[$name]}" 2>/dev/null || true
        unset "pids[$name]"
    done
}
trap 'stop; rm -rf "$data"' EXIT

free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

start_cairn() { # name, store URL, port
    "$cairn" serve --store "$2" --listen "127.0.0.1:$3" --log-level warning >"$data/$1.log" 2>&1 &
    pids[$1]=$!
}

start_etcd() { # name, port, peers' port, what its data are called
    etcd --name n --data-dir "$data/$4.etcd" --logger zap --log-outputs stderr \
        --listen-client-urls "http://127.0.0.1:$2" --advertise-client-urls "http://127.0.0.1:$2" \
        --listen-peer-urls "http://127.0.0.1:$3" --initial-advertise-peer-urls "http://127.0.0.1:$3" \
        --initial-cluster "n=http://127.0.0.1:$3" >"$data/$1.log" 2>&1 &
    pids[$1]=$!
}

bench() {
    "$cairn" bench --json-file "$results" "$@"
}

wait_until_ready() {
    "$cairn" bench "${where[@]}" --workloads ready --keep-keys >/dev/null
}

result() { # workload, clients, target, field
    grep "\"workload\":\"$1\"" "$results" | grep "\"clients\":$2," | grep "\"target\":\"$3\"" | tail -1 \
        | sed -nE "s/.*\"$4\":\"?([^,}\"]*).*/\1/p"
}

judge() { # what, actual, "at-least" or "at-most", bound
    if awk -v a="$2" -v b="$4" -v how="$3" 'BEGIN { exit !(how == "at-least" ? a >= b : a <= b) }'; then
        printf 'PASS             %-48s %6.2f  (target: %s %s)\n' "$1" "$2" "${3/-/ }" "$4"
    else
        printf 'SHORT OF TARGET  %-48s %6.2f  (target: %s %s)\n' "$1" "$2" "${3/-/ }" "$4"
    fi
}

targets() { # of the servers that run
    echo --target "sqlite=cairn:127.0.0.1:$sqlite_port@${pids[sqlite]}" \
        --target "etcd=etcd:127.0.0.1:$etcd_port@${pids[etcd]}" \
        ${pids[memory]:+--target "memory=cairn:127.0.0.1:$memory_port@${pids[memory]}"}
}

sqlite_port="$(free_port)" memory_port="$(free_port)" etcd_port="$(free_port)" peer_port="$(free_port)"
echo "bench: $(nproc) cores shared by servers and load, $(etcd --version | head -1), $("$cairn" version 2>/dev/null | head -1)"
echo "bench: data in $data ($(df --output=fstype "$data" | tail -1))"

start_cairn sqlite "sqlite:$data/small.db" "$sqlite_port"
start_cairn memory memory: "$memory_port"
start_etcd etcd "$etcd_port" "$peer_port" small
read -ra where <<<"$(targets)"
wait_until_ready
echo "== puts and gets of 16-byte keys and 100-byte values, over 8 connections"
bench "${where[@]}" --workloads put,get --clients "$counts" --rounds "$rounds" --duration "$duration" --keep-keys
echo "== pages of 1,000 keys, and put to event"
bench "${where[@]}" --workloads list,watch --clients 1,16 --rounds "$((rounds - 1))" --duration "$duration" --keep-keys
stop

echo "== $large keys: load, memory, start"
start_cairn sqlite "sqlite:$data/large.db" "$sqlite_port"
start_etcd etcd "$etcd_port" "$peer_port" large
read -ra where <<<"$(targets)"
wait_until_ready
bench "${where[@]}" --workloads load --keys "$large" --keep-keys
stop
start_cairn sqlite "sqlite:$data/large.db" "$sqlite_port"
read -ra where <<<"--target sqlite=cairn:127.0.0.1:$sqlite_port@${pids[sqlite]}"
bench "${where[@]}" --workloads ready --keys "$large" --keep-keys
stop
start_etcd etcd "$etcd_port" "$peer_port" large
bench --target "etcd=etcd:127.0.0.1:$etcd_port@${pids[etcd]}" --workloads ready --keys "$large" --keep-keys
stop

echo "== summary: Cairn on SQLite beside etcd, 64 clients, every put durable"
judge "put: rate, times etcd's" "$(result put 64 sqlite rateRatio)" at-least 2
judge "put: server CPU per operation, times etcd's" "$(result put 64 sqlite serverCpuRatio)" at-most 0.5
judge "get: rate, times etcd's" "$(result get 64 sqlite rateRatio)" at-least 2
judge "get: server CPU per operation, times etcd's" "$(result get 64 sqlite serverCpuRatio)" at-most 0.33
for name in sqlite etcd; do
    printf '%-8s %s keys: %d MB resident after the load, answers a read %d ms after its start\n' "$name" "$large" \
        "$(($(result load 16 "$name" residentBytes) / 1048576))" "$(($(result ready 1 "$name" p50Us) / 1000))"
done
