#!/bin/sh
# Counts the instructions that the consensus core takes per entry and per read, and prints a table.
#
#   benches/raft_instructions.sh [BUILD]
#
# BUILD   a build directory, default build/release (made if it is not there)
#
# Needs valgrind. The numbers depend on the compiler and its version, on nothing else: they are the
# same in every run.
set -eu
cd "$(dirname "$0")/.."

build=${1:-build/release}
command -v valgrind >/dev/null 2>&1 || {
    echo "raft_instructions.sh: valgrind is missing; on Debian: apt-get install valgrind" >&2
    exit 1
}
[ "$build" != build/release ] || cmake --preset release >/dev/null
cmake --build "$build" --target dengine-bench-raft >/dev/null

# counted FUNCTION KIND VOTERS BATCH ROUNDS: instructions in FUNCTION and what it calls.
counted() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
        --toggle-collect="$1" "$build/benches/dengine-bench-raft" "$2" "$3" "$4" "$5" 2>&1 |
        sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p'
}

# per_entry FUNCTION KIND VOTERS BATCH: in 100 rounds after the first 100.
per_entry() {
    few=$(counted "$1" "$2" "$3" "$4" 100)
    many=$(counted "$1" "$2" "$3" "$4" 200)
    echo $(((many - few) / (100 * $4)))
}

# row TITLE FUNCTION KIND VOTERS DIVISOR
row() {
    printf '| %s |' "$1"
    for batch in 1 10 100; do
        printf ' %d |' $(($(per_entry "$2" "$3" "$4" "$batch") / $5))
    done
    printf '\n'
}

echo '| instructions per entry, or per read | 1 at a time | 10 | 100 |'
echo '|---|---:|---:|---:|'
row 'propose and commit, alone' leader_step write 1 1
row 'propose, replicate to 2 peers, commit: leader' leader_step write 3 1
row 'the same: each follower' follower_step write 3 2
row 'propose, replicate to 4 peers, commit: leader' leader_step write 5 1
row 'the same: each follower' follower_step write 5 4
row 'read, confirmed by 2 peers: leader' leader_step read 3 1
row 'the same: each follower' follower_step read 3 2
row 'read, confirmed by 4 peers: leader' leader_step read 5 1
