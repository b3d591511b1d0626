#!/bin/sh
# Runs the fuzz targets under ASan and UBSan, one after the other, each for some seconds.
#
#   fuzz/run.sh [--keep] [SECONDS [TARGET...]]
#
# SECONDS   per target, default 60
# TARGET    such as wal_recovery_fuzz; default: every fuzz/*_fuzz.c
# --keep    afterwards put what reaches new code, minimised, into fuzz/corpus/TARGET
#
# Needs clang. Stops at the first finding and prints the input that makes the target fail; to try it
# again: build/fuzz/fuzz/TARGET INPUT. New inputs are gathered in build/fuzz/corpus/TARGET.
set -eu
cd "$(dirname "$0")/.."

keep=false
if [ "${1:-}" = --keep ]; then
    keep=true
    shift
fi
seconds=${1:-60}
case "$seconds" in
'' | *[!0-9]*)
    echo "fuzz/run.sh: SECONDS is a number, not '$seconds'" >&2
    exit 2
    ;;
esac
[ $# -eq 0 ] || shift
if [ $# -eq 0 ]; then
    set -- $(cd fuzz && ls ./*_fuzz.c | sed 's/^\.\///; s/\.c$//')
fi

cmake --preset fuzz -DBUILD_TESTING=ON >/dev/null
cmake --build --preset fuzz --target fuzzers

export UBSAN_OPTIONS=print_stacktrace=1
for target in "$@"; do
    work=build/fuzz/corpus/$target
    seeds=fuzz/corpus/$target
    findings=build/fuzz/findings/$target
    mkdir -p "$work" "$seeds" "$findings"
    printf '==> %s, %s s\n' "$target" "$seconds"
    if ! "build/fuzz/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -max_len=4096 -len_control=0 -print_final_stats=1 -artifact_prefix="$findings/" "$work" "$seeds" \
        >"$findings/log" 2>&1; then
        tail -n 60 "$findings/log"
        printf '\nfuzz/run.sh: %s failed; the input: %s\n' "$target" \
            "$(ls -t "$findings" | grep -v '^log$' | head -n 1 | sed "s|^|$findings/|")" >&2
        exit 1
    fi
    grep -E '^stat::(number_of_executed_units|average_exec_per_sec)|^#[0-9]+.*DONE' "$findings/log"
    if $keep; then
        rm -rf "$work.kept"
        mkdir -p "$work.kept"
        # What is in the repository already comes first, so that as little as possible changes.
        # Without counters an input is kept for the code that it reaches, not for how often.
        "build/fuzz/fuzz/$target" -merge=1 -use_counters=0 -max_len=4096 "$work.kept" "$seeds" \
            "$work" >>"$findings/log" 2>&1
        find "$seeds" -type f -delete
        cp "$work.kept"/* "$seeds"/
        printf '    corpus: %s inputs\n' "$(ls "$seeds" | wc -l)"
    fi
done
echo "no findings"
