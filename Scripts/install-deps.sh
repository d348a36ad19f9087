#!/usr/bin/env bash
# Installs the Debian packages that Cairn needs, and only those that are missing.
#
#     Scripts/install-deps.sh [GROUP…]        groups: build (the default), test, bench
#
# Swift itself isn't among them: install it first (https://swift.org/install). SwiftPM fetches the Swift packages.
set -euo pipefail

packages_of() {
    case "$1" in
        build) echo libsqlite3-dev libpq-dev libmariadb-dev libnghttp2-dev zlib1g-dev pkg-config ;;
        test) echo strace sqlite3 openssl nghttp2-client python3-venv python3-pip curl protobuf-compiler ;;
        bench) echo etcd-server nghttp2-client curl ;;
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

echo "install-deps: installing ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update --quiet --quiet
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --quiet --no-install-recommends "${missing[@]}"
