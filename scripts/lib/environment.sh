# shellcheck shell=bash
# Where things are: ROOT (the checkout), HOME, and the Rust toolchain that suits the workspace. Sourced first by every script.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export ROOT
cd "$ROOT" || exit

say() { printf '%s\n' "$*" >&2; }
fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Started by a service manager or in a container, HOME may be unset or nowhere.
if [ ! -d "${HOME:-}" ]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6 || true)
  if [ ! -d "$HOME" ]; then
    HOME=$ROOT/.local/home
    mkdir -p "$HOME"
  fi
  export HOME
fi
if ! mkdir -p "${CARGO_HOME:-$HOME/.cargo}/registry" 2>/dev/null || [ ! -w "${CARGO_HOME:-$HOME/.cargo}/registry" ]; then
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  export CARGO_HOME=$ROOT/.local/cargo
fi
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
export PATH

RUST_WANTED=$(sed -nE 's/^rust-version *= *"([0-9.]+)".*/\1/p' Cargo.toml | head -1)

# Is the toolchain in use at least the workspace's rust-version? Otherwise takes one that rustup already has.
rust_is_new_enough() {
  local have
  have=$(rustc --version 2>/dev/null | cut -d' ' -f2) && [ -n "$have" ] && cargo --version >/dev/null 2>&1 &&
    [ "$(printf '%s\n%s\n' "$RUST_WANTED" "${have%%-*}" | sort -V | head -1)" = "$RUST_WANTED" ]
}
choose_rust() {
  rust_is_new_enough && return 0
  rustup run "$RUST_WANTED" rustc --version >/dev/null 2>&1 && export RUSTUP_TOOLCHAIN="$RUST_WANTED"
}
choose_rust || true
