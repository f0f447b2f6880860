#!/bin/bash
# setup.sh [--test]: makes this machine ready to build Wasmill and its guests; says what it does.
#
# Run by `make demo` and, with --test, by `make test` and `make lint`. Can be run any number of times:
# what is there is left alone. Needs Rust of `rust-version` in Cargo.toml (with cargo) and a C compiler.
# Gets what is missing of: a C++ compiler and libclang (for RocksDB); Rust's standard library for
# wasm32-unknown-unknown (without it no guest compiles); with --test also rustfmt, clippy, cargo-nextest,
# iproute2 (`ip`, for clusters in network namespaces), curl, faketime (for clocks that are off), and Schemathesis with its own Python packages.
set -euo pipefail
cd "$(dirname "$0")/.."

TARGET=wasm32-unknown-unknown
# Where `wasmill build` looks too (host/toolchain/src/wasm_std.rs).
PREFIX=${XDG_DATA_HOME:-$HOME/.local/share}/wasmill/rust-wasm

# Where tests/it/cluster/contract.rs looks too.
SCHEMATHESIS=${XDG_CACHE_HOME:-$HOME/.cache}/wasmill/schemathesis
VERSIONS=tests/tools/schemathesis.txt

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

check_rust() {
    local needed found
    command -v cargo >/dev/null || die "cargo is missing; install Rust from https://rustup.rs"
    command -v cc >/dev/null || die "a C compiler is missing; run: sudo apt-get install gcc libc6-dev"
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(rustc -V | cut -d' ' -f2)
    [ "$(printf '%s\n' "$needed" "$found" | sort -V | head -n 1)" = "$needed" ] ||
        die "rustc $found is too old, $needed is needed; run: rustup update"
}

toolchain_has_wasm() {
    local libraries
    libraries=$(rustc --print target-libdir --target "$TARGET" 2>/dev/null) || return 1
    compgen -G "$libraries/libstd-*.rlib" >/dev/null
}

private_rust_is_complete() { [ -f "$PREFIX/complete" ] && "$PREFIX/bin/rustc" -V >/dev/null 2>&1; }

# Rust's own servers may be out of reach, and rustup tries for long.
add_with_rustup() {
    command -v rustup >/dev/null || return 1
    say "rustup target add $TARGET"
    timeout 120 rustup target add "$TARGET" && toolchain_has_wasm
}

setup_wasm() {
    if toolchain_has_wasm; then
        say "the installed Rust compiles for $TARGET"
    elif private_rust_is_complete; then
        say "the private Rust in $PREFIX compiles for $TARGET"
    elif add_with_rustup; then
        say "the installed Rust now compiles for $TARGET"
    else
        say "rustup cannot add $TARGET here; taking Debian's packages instead"
        scripts/install-rust-wasm.sh "$PREFIX"
    fi
}

# install PACKAGE: gets a package of Debian.
install() {
    local get=(apt-get install --yes --no-install-recommends "$1")
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    say "${as_root[*]} ${get[*]}"
    "${as_root[@]}" "${get[@]}" >&2 ||
        { "${as_root[@]}" apt-get update && "${as_root[@]}" "${get[@]}"; } >&2 ||
        die "cannot install $1; install it by hand"
}

# needs COMMAND PACKAGE: gets a command unless it is there.
needs() {
    # Where Debian keeps those for root.
    if PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; then
        say "$1 is there"
    else
        install "$2"
    fi
}

has_libclang() {
    local place
    for place in "${LIBCLANG_PATH:-/nowhere}" /usr/lib/llvm*/lib /usr/lib64/llvm*/lib /usr/lib/*-linux-gnu /usr/lib64 /usr/lib /usr/local/lib; do
        compgen -G "$place/libclang.so*" >/dev/null && return
        compgen -G "$place/libclang-[0-9]*.so*" >/dev/null && return
    done
    return 1
}

# RocksDB is compiled with the one and bound with the other.
setup_rocksdb() {
    needs c++ g++
    if has_libclang; then
        say "libclang is there"
    else
        install libclang-dev
    fi
}

# A directory of its own, so that nothing of the user's is touched; made anew when the versions change.
setup_schemathesis() {
    if cmp -s "$VERSIONS" "$SCHEMATHESIS/${VERSIONS##*/}"; then
        say "$(grep '^schemathesis==' "$VERSIONS") is there"
        return
    fi
    needs python3 python3-minimal
    # Debian's Python comes without it.
    python3 -c 'import ensurepip, venv' 2>/dev/null || install python3-venv
    say "installing $(grep '^schemathesis==' "$VERSIONS") in $SCHEMATHESIS"
    rm -rf "$SCHEMATHESIS"
    python3 -m venv "$SCHEMATHESIS" >&2 ||
        die "python3 cannot make a virtual environment in $SCHEMATHESIS"
    "$SCHEMATHESIS/bin/pip" install --quiet --requirement "$VERSIONS" >&2 ||
        die "pip cannot install the packages of $VERSIONS"
    # Last, so that what was interrupted is done again.
    cp "$VERSIONS" "$SCHEMATHESIS/"
}

setup_test() {
    local component
    needs ip iproute2
    needs curl curl
    needs faketime faketime
    setup_schemathesis
    for component in fmt:rustfmt clippy:clippy; do
        if ! cargo "${component%%:*}" --version >/dev/null 2>&1; then
            say "rustup component add ${component##*:}"
            rustup component add "${component##*:}" || die "${component##*:} is missing"
        fi
    done
    if cargo nextest --version >/dev/null 2>&1; then
        say "$(cargo nextest --version | head -n 1) is there"
    else
        say "cargo install cargo-nextest --locked (some minutes, once)"
        cargo install cargo-nextest --locked
    fi
}

check_rust
setup_rocksdb
setup_wasm
case ${1:-} in
"") ;;
--test) setup_test ;;
*) die "usage: setup.sh [--test]" ;;
esac
