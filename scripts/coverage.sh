#!/bin/sh
# Runs the tests in a build instrumented for gcov and prints the lines covered per directory.
#
#   scripts/coverage.sh [--files] [ARGUMENTS OF test.sh...]
#
# --files: per file too. Everything else goes to ./test.sh, such as --label unit.
set -eu
cd "$(dirname "$0")/.."

files=""
if [ "${1:-}" = --files ]; then
    files=--files
    shift
fi
# Counters add up over runs; only this run is to be seen.
if [ -d build/coverage ]; then
    find build/coverage -name '*.gcda' -delete
fi
status=0
./test.sh --preset coverage "$@" || status=$?
# shellcheck disable=SC2086
python3 scripts/coverage_report.py $files . build/coverage
exit "$status"
