# Servers for benchmarks: sourced by bench.sh and bench-scale.sh, not run.
#
# Each start_… starts one in the background, on a free loopback port, with its data and its log in $data, and notes its
# process id in ${pids[NAME]} and its port in ${ports[NAME]}. They are stopped by these ids, the last one started first.

cairn="${CAIRN_BIN:-.build/release/cairn}"
baseline="${CAIRN_BASELINE_BIN:-.build/release/cairn-baseline}"
[[ -x "$cairn" ]] || { echo "bench: there is no $cairn: run 'make build'" >&2; exit 1; }

declare -A pids=() ports=()
started=()
data=

# Where the data go: on a real disk, not tmpfs.
make_data() {
    mkdir -p "${BENCH_DIR:-.build}"
    data="$(realpath "${BENCH_DIR:-.build}")/bench-data.$$"
    mkdir "$data"
    trap 'stop; rm -rf "$data"' EXIT
    echo "bench: data in $data ($(df --output=fstype "$data" | tail -1))"
}

fail() { # message, and the name of the server whose log tells more
    echo "bench: $1" >&2
    [[ -z "${2:-}" ]] || tail -5 "$data/$2.log" >&2
    exit 1
}

free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

note() { # name, process id, port: what has been started
    pids[$1]=$2
    ports[$1]=$3
    started+=("$1")
}

# Stops the servers named, or all that run. PostgreSQL would wait for its clients at SIGTERM.
stop() {
    local name names=("$@") place signal
    [[ $# -gt 0 ]] || names=("${started[@]}")
    for ((place = ${#names[@]} - 1; place >= 0; place--)); do
        name="${names[place]}"
        [[ -n "${pids[$name]:-}" ]] || continue
        signal=TERM
        [[ "$name" == postgres ]] && signal=INT
        kill "-$signal" "${pids[$name]}" 2>/dev/null || true
        wait "${pids[$name]}" 2>/dev/null || true
        unset "pids[$name]"
    done
    [[ $# -gt 0 ]] || started=()
}

start_cairn() { # name, store URL, and further options
    local name="$1" store="$2" port
    shift 2
    port="$(free_port)"
    "$cairn" serve --store "$store" --listen "127.0.0.1:$port" --log-level warning "$@" >"$data/$name.log" 2>&1 &
    note "$name" $! "$port"
}

start_baseline() { # name, store URL
    local port
    [[ -x "$baseline" ]] || fail "there is no $baseline: run 'make build-baseline'"
    port="$(free_port)"
    "$baseline" "$2" "127.0.0.1:$port" >"$data/$1.log" 2>&1 &
    note "$1" $! "$port"
}

start_etcd() { # name, what its data are called
    local port peer
    port="$(free_port)" peer="$(free_port)"
    etcd --name n --data-dir "$data/$2.etcd" --logger zap --log-outputs stderr \
        --listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
        --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
        --initial-cluster "n=http://127.0.0.1:$peer" >"$data/$1.log" 2>&1 &
    note "$1" $! "$port"
}

# Redis as it is after its installation, but that it saves no snapshots beside its log.
start_redis() { # name, and when its log of writes is synced: never (then there is none) or always
    local port log=(--appendonly no)
    [[ "$2" == always ]] && log=(--appendonly yes --appendfsync always)
    port="$(free_port)"
    mkdir -p "$data/$1"
    redis-server --bind 127.0.0.1 --port "$port" --dir "$data/$1" --save '' --daemonize no "${log[@]}" \
        >"$data/$1.log" 2>&1 &
    note "$1" $! "$port"
    for _ in $(seq 600); do
        [[ "$(redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" == PONG ]] && return
        sleep .1
    done
    fail "Redis doesn't answer:" "$1"
}

# The memory that a server's process occupies, in bytes.
resident() { # name
    awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/${pids[$1]}/status"
}

# Runs a command as a user, where we are root, which these servers refuse; exec's it, so that $! is the server.
as_user() {
    local user="$1"
    shift
    if [[ "$(id -u)" -eq 0 ]]; then
        exec setpriv "--reuid=$user" "--regid=$user" --clear-groups -- "$@"
    fi
    exec "$@"
}

make_directory() { # path, the user it is for
    if [[ "$(id -u)" -eq 0 ]]; then install -d -o "$2" -g "$2" "$1"; else mkdir -p "$1"; fi
    (as_user "$2" test -w "$1") || fail "the user $2 can't reach $1: name another folder with BENCH_DIR"
}

# PostgreSQL, as it is after its installation but for the size of its cache and the number of its connections: every
# commit is synced to disk.
start_postgres() {
    local port directory="$data/postgres" bin
    bin="$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -1)"
    [[ -n "$bin" ]] || fail "there is no PostgreSQL: run 'make deps-bench'"
    port="$(free_port)"
    make_directory "$directory" postgres
    (cd / && as_user postgres "$bin/initdb" -D "$directory" -U postgres -A trust -E UTF8 --locale=C.UTF-8) \
        >"$data/postgres.log" 2>&1 || fail "initdb failed:" postgres
    cat >>"$directory/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
CONF
    (cd / && as_user postgres "$bin/postgres" -D "$directory") >>"$data/postgres.log" 2>&1 &
    note postgres $! "$port"
    for _ in $(seq 600); do
        "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && return
        sleep .1
    done
    fail "PostgreSQL doesn't answer:" postgres
}

# MariaDB, as it is after its installation but for the size of its cache and the number of its connections: every commit
# is synced to disk, and there is no binary log.
start_mariadb() {
    local port directory="$data/mariadb" user=()
    command -v mariadbd >/dev/null || fail "there is no MariaDB: run 'make deps-bench'"
    port="$(free_port)"
    make_directory "$directory" mysql
    [[ "$(id -u)" -eq 0 ]] && user=(--user=mysql)
    mariadb-install-db --no-defaults "${user[@]}" --datadir="$directory/data" --skip-test-db \
        --auth-root-authentication-method=normal >"$data/mariadb.log" 2>&1 || fail "it failed:" mariadb
    mariadbd --no-defaults "${user[@]}" --datadir="$directory/data" --bind-address=127.0.0.1 --port="$port" \
        --socket="$directory/socket" --pid-file="$directory/pid" --skip-name-resolve --skip-log-bin \
        --max-connections=200 --innodb-buffer-pool-size=256M --innodb-flush-log-at-trx-commit=1 \
        >>"$data/mariadb.log" 2>&1 &
    note mariadb $! "$port"
    for _ in $(seq 600); do
        mariadb-admin --no-defaults -h 127.0.0.1 -P "$port" -u root ping >/dev/null 2>&1 && return
        sleep .1
    done
    fail "MariaDB doesn't answer:" mariadb
}

query() { # postgres or mariadb, SQL, and the database if not the server's own
    case "$1" in
        postgres) psql -X -h 127.0.0.1 -p "${ports[postgres]}" -U postgres -d "${3:-postgres}" -Atqc "$2" ;;
        mariadb) mariadb --no-defaults --protocol=tcp -h 127.0.0.1 -P "${ports[mariadb]}" -u root -Ne "$2" ${3:+"$3"} ;;
    esac
}

store_url() { # postgres or mariadb, database
    case "$1" in
        postgres) echo "postgres://postgres@127.0.0.1:${ports[postgres]}/$2" ;;
        mariadb) echo "mysql://root@127.0.0.1:${ports[mariadb]}/$2" ;;
    esac
}

target() { # name, cairn, etcd or redis, and the database below it: what `cairn bench` is told of a server that runs
    echo "$1=$2:127.0.0.1:${ports[$1]}@${pids[$1]}${3:+,database=${pids[$3]}}"
}

bench() {
    "$cairn" bench --json-file "$results" --keep-keys "$@"
}

wait_until_ready() { # targets, as `cairn bench` takes them
    "$cairn" bench "$@" --workloads ready --keep-keys >/dev/null
}

result() { # workload, clients, target, field
    grep "\"workload\":\"$1\"" "$results" | grep "\"clients\":$2," | grep "\"target\":\"$3\"" | tail -1 \
        | sed -nE "s/.*\"$4\":\"?([^,}\"]*).*/\1/p"
}

judge() { # what, actual, "at-least" or "at-most", bound
    if awk -v a="$2" -v b="$4" -v how="$3" 'BEGIN { exit !(how == "at-least" ? a >= b : a <= b) }'; then
        printf 'PASS             %-59s %6.2f  (target: %s %s)\n' "$1" "$2" "${3/-/ }" "$4"
    else
        printf 'SHORT OF TARGET  %-59s %6.2f  (target: %s %s)\n' "$1" "$2" "${3/-/ }" "$4"
    fi
}
