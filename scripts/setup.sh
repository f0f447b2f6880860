#!/bin/bash
# setup.sh [--test]: makes this machine ready to build Wasmill and its guests; says what it does.
#
# Run by `make demo` and, with --test, by `make test` and `make lint`. Can be run any number of times:
# what is there is left alone. Needs Rust of `rust-version` in Cargo.toml (with cargo) and a C compiler.
# Gets what is missing of: Rust's standard library for wasm32-unknown-unknown (without it no guest
# compiles); with --test also rustfmt, clippy and cargo-nextest.
set -euo pipefail
cd "$(dirname "$0")/.."

TARGET=wasm32-unknown-unknown
# Where `wasmill build` looks too (host/toolchain/src/wasm_std.rs).
PREFIX=${XDG_DATA_HOME:-$HOME/.local/share}/wasmill/rust-wasm

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

setup_test() {
    local component
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
setup_wasm
case ${1:-} in
"") ;;
--test) setup_test ;;
*) die "usage: setup.sh [--test]" ;;
esac
