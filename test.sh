#!/bin/sh
# Installs what is missing, builds everything and runs the test suite.
#
#   ./test.sh [--preset NAME] [--label REGEX] [-- ARGUMENTS OF CTEST...]
#
# --preset  dev (default), release, clang, asan, tsan or coverage: see CMakePresets.json
# --label   only tests with such a label: unit, tidy, ...
#
# Tests labelled soak, mutants-full or peers take long and run only when --label names them.
set -eu
cd "$(dirname "$0")"

preset=dev
label=""
slow='^(soak|mutants-full|peers)$'

usage() {
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' test.sh
}

say() {
    printf '==> %s\n' "$*"
}

fail() {
    printf 'test.sh: %s\n' "$*" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case "$1" in
    --preset | --label)
        [ $# -ge 2 ] || fail "$1 needs a value"
        if [ "$1" = --preset ]; then preset=$2; else label=$2; fi
        shift 2
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    --)
        shift
        break
        ;;
    *) fail "unknown argument: $1 (see ./test.sh --help)" ;;
    esac
done
grep -q "\"name\": \"$preset\", \"inherits\"" CMakePresets.json || fail "no such preset: $preset"

say "checking what is installed"
scripts/setup.sh test

say "configuring build/$preset"
cmake --preset "$preset" -DBUILD_TESTING=ON
say "building"
cmake --build --preset "$preset"

say "testing"
if [ -n "$label" ]; then
    set -- -L "$label" "$@"
else
    set -- -LE "$slow" "$@"
fi
exec ctest --preset "$preset" --no-tests=error -j "$(nproc)" "$@"
