#!/bin/bash
# install-rust-wasm.sh PREFIX: a private rustc with the standard library for wasm32-unknown-unknown,
# from Debian 12 packages and crates.io alone. For machines where `rustup target add` cannot work.
#
# `wasmill build` carries this script and runs it when it must; scripts/setup.sh runs it too.
# Needs apt-get, dpkg-deb, a C compiler and a cargo of 1.85 or later; downloads about 140 MB, takes
# about a minute, keeps about 490 MB. Installs nothing into /usr and needs root only where the package
# lists are out of date.
#
# Invariant: PREFIX is either absent or complete. Everything is made in a directory beside it, which
# is renamed at the end, with the file `complete` inside; nothing in it depends on its own path.
# Installers of the same PREFIX wait for each other.
#
# RUSTWEB_VERSION=VERSION takes that version of the packages instead of apt's candidate.
set -euo pipefail

# The oldest compiler that compiles the SDK (`rust-version` in Cargo.toml).
OLDEST=1.95

say() { echo "install-rust-wasm: $*" >&2; }
die() { say "$*"; exit 1; }

[ $# = 1 ] || die "usage: install-rust-wasm.sh PREFIX"
PREFIX=$(realpath -m "$1")
for tool in apt-get apt-cache dpkg dpkg-deb cargo cc ldd flock tar; do
    command -v "$tool" >/dev/null || die "\`$tool\` is missing; this route needs Debian 12 with cargo and gcc"
done
ARCH=$(dpkg --print-architecture)
[ "$ARCH" = amd64 ] || [ "$ARCH" = arm64 ] || die "no packages are known for the architecture $ARCH"
TRIPLE=$(case $ARCH in amd64) echo x86_64 ;; arm64) echo aarch64 ;; esac)-linux-gnu

is_complete() { [ -f "$PREFIX/complete" ] && "$PREFIX/bin/rustc" -V >/dev/null 2>&1; }

mkdir -p "$(dirname "$PREFIX")"
exec 9>"$PREFIX.lock"
flock 9
if is_complete; then
    say "already there: $PREFIX ($("$PREFIX/bin/rustc" -V))"
    exit 0
fi

WORK=$(mktemp -d "$PREFIX.partial.XXXXXX")
trap 'rm -rf "$WORK"' EXIT

# --- Which packages -------------------------------------------------------------------------------

# bookworm-security replaces rustc-web as Firefox moves on, so no version is written down here.
candidate() { apt-cache policy rustc-web 2>/dev/null | sed -n 's/^  Candidate: //p'; }
is_new_enough() { [ -n "$1" ] && [ "$1" != "(none)" ] && dpkg --compare-versions "$1" ge "$OLDEST"; }

VERSION=${RUSTWEB_VERSION:-$(candidate)}
if [ -z "${RUSTWEB_VERSION:-}" ] && ! is_new_enough "$VERSION"; then
    [ "$(id -u)" = 0 ] ||
        die "the package lists offer rustc-web '${VERSION:-none}', but $OLDEST is needed; run: sudo apt-get update"
    say "updating the package lists"
    apt-get update -q >&2
    VERSION=$(candidate)
    is_new_enough "$VERSION" ||
        die "apt offers rustc-web '${VERSION:-none}', but $OLDEST is needed; this route needs Debian 12 with its security updates"
fi
UPSTREAM=${VERSION%%+*}
STD=libstd-rust-web-${UPSTREAM%.*}
LLVM=$({ apt-cache depends "$STD=$VERSION" || true; } | sed -n 's/.*Depends: \(libllvm[0-9]*\)$/\1/p')
[ -n "$LLVM" ] || die "apt has no package $STD=$VERSION; run: sudo apt-get update"

# --- Unpack them ----------------------------------------------------------------------------------

mkdir -p "$WORK/debs" "$WORK/root" "$WORK/bin" "$WORK/lib"
USR=$WORK/root/usr
LIBS=$USR/lib/$TRIPLE
cd "$WORK/debs"

fetch() {
    apt-get download -qq -o APT::Sandbox::User=root "$@" >&2 ||
        die "cannot download $*; when the lists are out of date, run: sudo apt-get update"
}
unpack() { for package in "$@"; do dpkg-deb -x "$package" "$WORK/root"; done; }

say "downloading rustc $UPSTREAM from Debian (about 140 MB)"
fetch "rustc-web=$VERSION" "libstd-rust-web-dev=$VERSION" "$STD=$VERSION" "rust-web-src=$VERSION" \
    "$LLVM" "lld-${LLVM#libllvm}"
unpack rustc-web_* libstd-rust-web* libllvm* lld-*
dpkg-deb --fsys-tarfile rust-web-src_*.deb | tar -C "$WORK/root" -x "./usr/src/rustc-$UPSTREAM/library"
mkdir -p "$USR/lib/rustlib/src/rust"
ln -s "../../../../src/rustc-$UPSTREAM/library" "$USR/lib/rustlib/src/rust/library"

# Libraries that LLVM needs and a small machine may lack.
lacks_libraries() {
    LD_LIBRARY_PATH=$LIBS ldd "$LIBS"/librustc_driver*.so "$USR/lib/llvm-${LLVM#libllvm}/bin/lld" |
        grep -q 'not found'
}
if lacks_libraries; then
    fetch libz3-4 libedit2 libbsd0 libmd0 libxml2 libicu72 libffi8 libzstd1 zlib1g
    unpack libz3* libedit2* libbsd0* libmd0* libxml2* libicu72* libffi8* libzstd1* zlib1g*
    [ ! -d "$WORK/root/lib/$TRIPLE" ] || cp -an "$WORK/root/lib/$TRIPLE/." "$LIBS/"
    ! lacks_libraries || die "rustc still lacks shared libraries; see: ldd $LIBS/librustc_driver*.so"
fi

# --- Make them run from where they are --------------------------------------------------------------

# wrapper FILE UP PROGRAM: FILE runs PROGRAM of the directory UP levels above its own. Debian's rustc
# has no rpath, so the wrapper names the libraries.
wrapper() {
    mkdir -p "$(dirname "$1")"
    cat >"$1" <<END
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
usr=\$here/$2
LD_LIBRARY_PATH=\$usr/lib/$TRIPLE\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH} exec "\$usr/$3" "\$@"
END
    chmod +x "$1"
}
wrapper "$WORK/bin/rustc" ../root/usr bin/rustc
# rustc looks for the linker of wasm32-unknown-unknown, `rust-lld`, here; lld goes by the name it is
# called by, and rustc adds `-flavor wasm`.
HOST=$("$WORK/bin/rustc" -vV | sed -n 's/^host: //p')
wrapper "$USR/lib/rustlib/$HOST/bin/rust-lld" ../../../.. "lib/llvm-${LLVM#libllvm}/bin/lld"

# --- Compile the standard library once --------------------------------------------------------------

# Later builds then need neither -Zbuild-std nor RUSTC_BOOTSTRAP.
say "compiling the standard library for wasm32-unknown-unknown"
SEED=$WORK/seed
mkdir -p "$SEED/src"
: >"$SEED/src/lib.rs"
cat >"$SEED/Cargo.toml" <<'END'
[package]
name = "seed"
version = "0.0.0"
edition = "2021"
[profile.release]
opt-level = 3
lto = "off"
debug = false
codegen-units = 1
panic = "abort"
[workspace]
END
SEPARATOR=$(printf '\037')
(
    cd "$SEED"
    unset RUSTFLAGS CARGO_BUILD_TARGET CARGO_BUILD_RUSTFLAGS RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER
    export RUSTC_BOOTSTRAP=1 RUSTC=$WORK/bin/rustc CARGO_TARGET_DIR=$SEED/target
    # Panic messages name the library as upstream's do, not this machine's directories.
    CARGO_ENCODED_RUSTFLAGS="-Cembed-bitcode=yes${SEPARATOR}--remap-path-prefix=$WORK/root/usr/src/rustc-$UPSTREAM=/rustc/$UPSTREAM" \
        cargo build -q --release --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort >&2
)
RLIBS=$USR/lib/rustlib/wasm32-unknown-unknown/lib
mkdir -p "$RLIBS"
cp "$SEED"/target/wasm32-unknown-unknown/release/deps/lib*.rlib "$RLIBS/"
rm -f "$RLIBS"/libseed-*

# --- Put it in place --------------------------------------------------------------------------------

cd /
rm -rf "$SEED" "$WORK/debs" "$USR/src" "$USR/lib/rustlib/src" "$USR/share/doc" "$USR/share/man"
"$WORK/bin/rustc" -V >"$WORK/complete"
chmod 755 "$WORK"
rm -rf "$PREFIX"
mv -T "$WORK" "$PREFIX"
is_complete || die "the installed $PREFIX/bin/rustc does not run"
say "installed $(cat "$PREFIX/complete") in $PREFIX"
