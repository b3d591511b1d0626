#!/bin/sh
# The whole test suite with gcc, with clang and under the sanitizers, one after the other.
#
#   scripts/check-all.sh [ARGUMENTS OF test.sh...]
#
# Goes on after a failure; the end says which presets failed.
set -eu
cd "$(dirname "$0")/.."

failed=""
for preset in dev release clang asan tsan; do
    printf '\n==> preset %s\n' "$preset"
    ./test.sh --preset "$preset" "$@" || failed="$failed $preset"
done
if [ -n "$failed" ]; then
    printf '\ncheck-all: failed:%s\n' "$failed" >&2
    exit 1
fi
printf '\ncheck-all: every preset passed\n'
