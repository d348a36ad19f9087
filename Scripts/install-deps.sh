#!/usr/bin/env bash
# Installs the Debian packages that Cairn needs, and only those that are missing.
#
#     Scripts/install-deps.sh [GROUP…]        groups: build (the default), test, bench
#
# Swift itself isn't among them: install it first (https://swift.org/install). SwiftPM fetches the Swift packages.
#
# Some of the packages are servers. The tests and the benchmark start servers of their own, so those of the system are
# started neither now nor when the machine starts again, unless they were installed before.
set -euo pipefail

packages_of() {
    case "$1" in
        build) echo libsqlite3-dev libpq-dev libmariadb-dev libnghttp2-dev zlib1g-dev libre2-dev g++ pkg-config ;;
        test)
            echo strace sqlite3 openssl nghttp2-client python3-venv python3-pip curl protobuf-compiler
            echo postgresql pgbouncer mariadb-server mariadb-client galera-4 rsync
            echo prometheus
            ;;
        bench) echo etcd-server redis-server nghttp2-client curl postgresql mariadb-server mariadb-client ;;
        *)
            echo "install-deps: no group named '$1' (there are build, test and bench)" >&2
            return 2
            ;;
    esac
}

is_installed() {
    [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

missing=()
for group in "${@:-build}"; do
    wanted="$(packages_of "$group")"
    for package in $wanted; do
        if ! command -v dpkg-query >/dev/null; then
            echo "install-deps: this isn't Debian; install the like of '$wanted' with your package manager" >&2
            exit 1
        fi
        is_installed "$package" || missing+=("$package")
    done
done

if [[ ${#missing[@]} -eq 0 ]]; then
    exit 0
fi

as_root=()
if [[ "$(id -u)" -ne 0 ]]; then
    as_root=(sudo)
    if ! command -v sudo >/dev/null; then
        echo "install-deps: run as root, or have sudo, to install: ${missing[*]}" >&2
        exit 1
    fi
fi

as_root() { "${as_root[@]}" "$@"; }

# What tells Debian's packages to start nothing, and to make no database cluster. Both are removed again.
policy=/usr/sbin/policy-rc.d
cluster_conf=/etc/postgresql-common/createcluster.d/cairn-install-deps.conf
made=()
trap '[[ ${#made[@]} -eq 0 ]] || as_root rm -f "${made[@]}"' EXIT
if [[ ! -e "$policy" ]]; then
    made+=("$policy")
    printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$policy"
fi
made+=("$cluster_conf")
echo 'create_main_cluster = false' | as_root install -D -m 644 /dev/stdin "$cluster_conf"

echo "install-deps: installing ${missing[*]}"
as_root env DEBIAN_FRONTEND=noninteractive apt-get update --quiet --quiet
as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --quiet --no-install-recommends "${missing[@]}"

if command -v systemctl >/dev/null; then
    for package in "${missing[@]}"; do
        case "$package" in
            postgresql | pgbouncer | etcd-server | redis-server | mariadb-server | prometheus)
                as_root systemctl disable --quiet "${package%-server}" \
                    || echo "install-deps: ${package%-server} will start with the machine" >&2
                ;;
        esac
    done
fi
