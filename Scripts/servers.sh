#!/usr/bin/env bash
# Starts database servers for a script that measures them: to be sourced, not run.
#
#     declare -A pids=()
#     source Scripts/servers.sh
#     start_postgres DIR PORT     # user postgres, no password; its process id in pids[postgres]
#     start_mariadb DIR PORT      # user root, no password; its process id in pids[mariadb]
#
# DIR is a directory that isn't there yet, on the disk to be measured, or one that the same function has made before. The
# servers keep their own settings, and so their own durability: a commit is on the disk when it is acknowledged. Only where
# they listen is set (127.0.0.1 and a unix socket in DIR), and where they write. As root they run under their packages'
# accounts, which have to be able to enter DIR. The caller stops them, by their process ids, with SIGINT (PostgreSQL) or
# SIGTERM (MariaDB), and waits for them.

# Puts the command into the array `command`, as one that runs it under the account.
server_command() { # account, directory, command…
    local account="$1" directory="$2"
    shift 2
    command=("$@")
    [[ "$(id -u)" -eq 0 ]] || return 0
    command=(setpriv --reuid="$account" --regid="$account" --clear-groups -- "$@")
    chown "$account:$account" "$directory"
    if ! setpriv --reuid="$account" --regid="$account" --clear-groups -- test -x "$directory"; then
        echo "servers: $account may not enter $directory: choose a directory that it may" >&2
        return 1
    fi
}

wait_for_server() { # name, log, command that succeeds when it answers…
    local name="$1" log="$2" attempt
    shift 2
    for ((attempt = 0; attempt < 600; attempt++)); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        if ! kill -0 "${pids[$name]}" 2>/dev/null; then break; fi
        sleep 0.1
    done
    echo "servers: $name did not start; its log, $log, ends with:" >&2
    tail -20 "$log" >&2
    return 1
}

start_postgres() { # directory, port
    local directory port="$2" programs command
    programs="$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)"
    [[ -x "$programs/postgres" ]] || { echo "servers: there is no PostgreSQL: run 'make deps-bench'" >&2; return 1; }
    mkdir -p "$1"
    directory="$(cd "$1" && pwd)"
    if [[ ! -d "$directory/data" ]]; then
        server_command postgres "$directory" "$programs/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 \
            --locale=C.UTF-8
        (cd "$directory" && "${command[@]}") >"$directory.log" 2>&1 || { cat "$directory.log" >&2; return 1; }
    fi
    server_command postgres "$directory" "$programs/postgres" -D "$directory/data" -p "$port" -k "$directory" \
        -c listen_addresses=127.0.0.1
    "${command[@]}" >>"$directory.log" 2>&1 &
    pids[postgres]=$!
    wait_for_server postgres "$directory.log" "$programs/pg_isready" -h 127.0.0.1 -p "$port" -U postgres
}

start_mariadb() { # directory, port
    local directory port="$2" command
    command -v mariadbd >/dev/null || { echo "servers: there is no MariaDB: run 'make deps-bench'" >&2; return 1; }
    mkdir -p "$1"
    directory="$(cd "$1" && pwd)"
    if [[ ! -d "$directory/data" ]]; then
        server_command mysql "$directory" mariadb-install-db --no-defaults --datadir="$directory/data" \
            --tmpdir="$directory" --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve
        (cd "$directory" && "${command[@]}") >"$directory.log" 2>&1 || { cat "$directory.log" >&2; return 1; }
    fi
    server_command mysql "$directory" "$(command -v mariadbd)" --no-defaults --datadir="$directory/data" \
        --tmpdir="$directory" --bind-address=127.0.0.1 --port="$port" --socket="$directory/mariadb.sock" \
        --pid-file="$directory/mariadb.pid" --skip-name-resolve
    "${command[@]}" >>"$directory.log" 2>&1 &
    pids[mariadb]=$!
    wait_for_server mariadb "$directory.log" \
        mariadb-admin --no-defaults --protocol=tcp -h 127.0.0.1 -P "$port" -u root ping
}
