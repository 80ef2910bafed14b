#!/usr/bin/env bash
# Installs what this machine lacks, and says what and why first.
#
#   install.sh up      what building and running needs
#   install.sh test    that, and what the checks need
#
# Debian packages come from apt, as root or through sudo. No service is left running or enabled by a package that was
# installed for this, and no service that was there before is touched.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=environment.sh
. "$here/environment.sh"

policy=/usr/sbin/policy-rc.d
saved=$policy.before-switchboard

exists() { [ -e "$1" ] || [ -L "$1" ]; }

# Debian starts a daemon when its package is installed, unless policy-rc.d says no. Ours says no for the packages asked
# for, and leaves every other decision to the policy that was there, which is put back afterwards.
quiet_policy() {
  if ! exists "$saved" && exists "$policy"; then mv "$policy" "$saved"; fi
  cat >"$policy" <<POLICY
#!/bin/sh
# For the moment of an installation by Switchboard's scripts; the policy from before is put back after it.
case \$1 in $1) exit 101 ;; esac
[ -x $saved ] && exec $saved "\$@"
exit 0
POLICY
  chmod 755 "$policy"
}

# shellcheck disable=SC2317 # called by trap
restore_policy() {
  rm -f "$policy"
  if exists "$saved"; then mv "$saved" "$policy"; fi
}

installed_packages() { dpkg-query -W -f '${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p' | sort -u; }

# What came with PACKAGE may not start with the machine either.
silence() {
  local unit
  for unit in $(dpkg -L "$1" 2>/dev/null | sed -nE 's,^(/usr)?/lib/systemd/system/([^/]+\.(service|socket|timer))$,\2,p'); do
    if [ -d /run/systemd/system ]; then
      case $unit in *@.*) systemctl stop "${unit/@./@*.}" >/dev/null 2>&1 || true ;; esac
      systemctl disable --now "$unit" >/dev/null 2>&1 || true
    else
      DPKG_MAINTSCRIPT_PACKAGE=$1 deb-systemd-helper disable "$unit" >/dev/null 2>&1 || true
    fi
  done
  for unit in $(dpkg -L "$1" 2>/dev/null | sed -nE 's,^/etc/init\.d/(.+)$,\1,p'); do
    update-rc.d "$unit" disable >/dev/null 2>&1 || true
  done
}

# install.sh --packages NAME…: the part that needs root.
install_packages() {
  local before package names='no-service'
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8
  before=$(installed_packages)
  for package in "$@"; do
    case $package in
      postgresql) names+='|postgresql*' ;;
      rabbitmq-server) names+='|rabbitmq-server*|epmd*' ;;
    esac
  done
  trap restore_policy EXIT
  trap 'exit 130' INT TERM HUP
  quiet_policy "$names"
  apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null </dev/null ||
    say "apt-get update failed; going on with the package lists that are there."
  apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" </dev/null >&2 ||
    fail "apt-get could not install: $*."
  for package in $(comm -13 <(printf '%s\n' "$before") <(installed_packages)); do
    case $package in postgresql* | rabbitmq-server | erlang-base) silence "$package" ;; esac
  done
}

if [ "${1:-}" = --packages ]; then
  shift
  install_packages "$@"
  exit
fi

purpose=${1:-up}
packages=()

# need PACKAGE WHY COMMAND…: the package is missing where the command fails.
need() {
  if ! "${@:3}" >/dev/null 2>&1; then
    packages+=("$1")
    say "Missing: $1, $2."
  fi
}
has_initdb() { compgen -G '/usr/lib/postgresql/*/bin/initdb'; }
has_venv() { python3 -c 'import ensurepip, venv'; }
can_link() {
  local dir status=0
  dir=$(mktemp -d)
  printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' >"$dir/probe.c"
  cc -o "$dir/probe" "$dir/probe.c" || status=1
  rm -rf "$dir"
  return $status
}

need gcc 'the C compiler and linker that Rust programs are linked with' command -v cc
need libc6-dev 'what that linker links against' can_link
need ca-certificates 'to trust the package registries' test -s /etc/ssl/certs/ca-certificates.crt
need curl 'to fetch over https and to ask the broker whether it is ready' command -v curl
need jq 'to read JSON in the scripts' command -v jq
need postgresql 'the database, started privately under .local' has_initdb
need rabbitmq-server 'the message broker, started privately under .local' test -x /usr/lib/rabbitmq/bin/rabbitmq-server
if [ "$purpose" = test ]; then
  need shellcheck 'to check the shell scripts' command -v shellcheck
  need python3-venv 'to fetch the spelling checker without building it' has_venv
fi
if ! rust_is_new_enough && ! command -v rustup >/dev/null && apt-cache show rustup 2>/dev/null | grep -q '^Package: rustup$'; then
  need rustup "to fetch Rust $RUST_WANTED, which builds everything here" false
fi

if [ ${#packages[@]} -gt 0 ]; then
  command -v apt-get >/dev/null ||
    fail "these are missing, and there is no apt-get on this machine to install them with: ${packages[*]}."
  if [ "$(id -u)" = 0 ]; then
    say "Installing them with apt-get."
    "$BASH" "$here/install.sh" --packages "${packages[@]}"
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    say "Installing them with sudo apt-get."
    sudo "$BASH" "$here/install.sh" --packages "${packages[@]}"
  else
    fail "these Debian packages are missing and this user may not install them; have root run: apt-get install --no-install-recommends ${packages[*]}"
  fi
fi

if ! rust_is_new_enough; then
  if command -v rustup >/dev/null; then
    say "Missing: Rust $RUST_WANTED or newer, which builds everything here. Fetching it with rustup; the default toolchain stays as it is."
    rustup toolchain install "$RUST_WANTED" --profile minimal --no-self-update </dev/null >&2 ||
      fail "rustup could not fetch Rust $RUST_WANTED."
  else
    say "Missing: Rust $RUST_WANTED or newer, which builds everything here. Fetching it with the official installer, https://static.rust-lang.org/rustup/rustup-init.sh, into ${CARGO_HOME:-$HOME/.cargo} and ${RUSTUP_HOME:-$HOME/.rustup}."
    installer=$(mktemp)
    trap 'rm -f "$installer"' EXIT
    curl --proto '=https' --tlsv1.2 -fsS -o "$installer" https://static.rust-lang.org/rustup/rustup-init.sh ||
      fail "could not fetch https://static.rust-lang.org/rustup/rustup-init.sh; install Rust $RUST_WANTED or newer, with clippy and rustfmt, and run this again."
    sh "$installer" -y --quiet --no-modify-path --profile minimal --default-toolchain "$RUST_WANTED" </dev/null >/dev/null ||
      fail "the Rust installer failed; install Rust $RUST_WANTED or newer, with clippy and rustfmt, and run this again."
  fi
  choose_rust || fail "Rust $RUST_WANTED was installed, but cargo does not run."
fi

if [ "$purpose" = test ] && ! { cargo clippy --version && cargo fmt --version; } >/dev/null 2>&1; then
  say "Missing: clippy or rustfmt, to check the code. Fetching them with rustup."
  rustup component add clippy rustfmt </dev/null >&2 || fail "this Rust has no clippy or no rustfmt, and rustup could not add them."
fi
