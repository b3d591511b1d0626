#!/bin/sh
# Installs what is missing, builds the embedded quick start and runs it in ./data.
#
#   ./run.sh [ARGUMENTS OF THE QUICK START...]
set -eu
cd "$(dirname "$0")"

say() {
    printf '==> %s\n' "$*"
}

say "checking what is installed"
scripts/setup.sh build

if [ ! -f build/release/build.ninja ]; then
    say "configuring build/release"
    cmake --preset release -DBUILD_TESTING=OFF
fi
say "building the quick start"
cmake --build --preset release --target quickstart

mkdir -p data
say "running it in $(pwd)/data"
exec build/release/examples/quickstart/quickstart "$@" data
