#!/bin/sh
# Installs what dengine needs on Debian 12 or newer and Ubuntu 24.04 or newer, when it is not there.
#
#   scripts/setup.sh [build|test]
#
# build: what compiles the project. test (the default): that, and what its test suite uses.
# Uses apt-get, with sudo when not root. Done in well under a second when nothing is missing.
set -eu

usage="usage: scripts/setup.sh [build|test]"
build_packages="build-essential gcc g++ cmake ninja-build git pkg-config libev-dev liblmdb-dev
    libgrpc-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libtomlplusplus-dev
    libmicrohttpd-dev"
test_packages="libcmocka-dev libsqlite3-dev python3 universal-ctags binutils clang valgrind"

say() {
    printf '==> %s\n' "$*"
}

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

# Prints those of its arguments that dpkg does not have installed.
missing_of() {
    installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "$@" 2>/dev/null || true)"
    for package in "$@"; do
        case "$installed" in
        *" installed:$package "*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

# The package with clang's sanitizer and fuzzer run-time, of the version that "clang" stands for.
clang_runtime() {
    version=$(dpkg-query -W -f '${Depends}\n' clang |
        sed -n 's/^.*clang-\([0-9][0-9]*\).*$/\1/p')
    if [ -n "$version" ]; then
        printf 'libclang-rt-%s-dev' "$version"
    fi
}

# Without dpkg nothing can be installed here; a hand-made set-up may still be complete.
check_without_apt() {
    absent=""
    for tool in cc c++ cmake ninja git pkg-config protoc-c protoc "$@"; do
        command -v "$tool" >/dev/null 2>&1 || absent="$absent $tool"
    done
    [ -z "$absent" ] || fail "this is not a Debian or Ubuntu system, and these tools are missing:" \
        "$absent. Install the equivalents of: $(echo $wanted)"
    say "not a Debian or Ubuntu system; tools found, libraries are looked for at configure time"
}

install() {
    as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 ||
            fail "not root and no sudo. Have these packages installed, then run this again: $*"
        as_root="sudo"
    fi
    say "installing with apt-get: $*"
    # shellcheck disable=SC2086
    {
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -q -o DPkg::Lock::Timeout=120 update &&
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
                -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"
    } || fail "apt-get could not install these packages; install them by hand: $*"
}

case "${1:-test}" in
build) wanted="$build_packages" ;;
test) wanted="$build_packages $test_packages" ;;
-h | --help)
    echo "$usage"
    exit 0
    ;;
*) fail "$usage" ;;
esac
[ $# -le 1 ] || fail "$usage"

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    case "$wanted" in
    *cmocka*) check_without_apt python3 ctags nm ;;
    *) check_without_apt ;;
    esac
    exit 0
fi

# shellcheck disable=SC2086
missing=$(missing_of $wanted)
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086
    install $missing
fi
# Only now is it known for sure which version of clang it is.
case "$wanted" in
*clang*)
    runtime=$(clang_runtime)
    if [ -n "$runtime" ]; then
        missing=$(missing_of "$runtime")
        # shellcheck disable=SC2086
        [ -z "$missing" ] || install $missing
    fi
    ;;
esac
# shellcheck disable=SC2086
missing=$(missing_of $wanted)
[ -z "$missing" ] || fail "these packages are still missing: $missing"
