#!/usr/bin/env bash
# Calls the built server with other people's clients: Python's grpcio (every kind of RPC) and h2load.
#
#     Scripts/test-python.sh [PYTEST OPTION…]        CAIRN_BINARY chooses the server; else the debug build
#
# The packages come from PyPI into .build/python-venv, once; the stubs are made from Protos/ into .build/python-stubs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build="$PWD/.build"
venv="$build/python-venv"
stubs="$build/python-stubs"
requirements=Tests/Python/requirements.txt
export CAIRN_BINARY="${CAIRN_BINARY:-$build/debug/cairn}"

if [[ ! -x "$CAIRN_BINARY" ]]; then
    echo "test-python: $CAIRN_BINARY is missing; run: swift build" >&2
    exit 1
fi

# The requirements that were installed are kept beside them: the network is asked only when they have changed.
if ! cmp --silent "$requirements" "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$venv/installed.txt"
fi

rm -rf "$stubs"
mkdir -p "$stubs"
"$venv/bin/python" -m grpc_tools.protoc --proto_path=Protos --python_out="$stubs" --grpc_python_out="$stubs" \
    Protos/cairn/v1/*.proto

export PYTHONPATH="$stubs" PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" -m pytest -p no:cacheprovider Tests/Python "$@"
