# shellcheck shell=bash
# What the private PostgreSQL and the private RabbitMQ have in common: where their files live, which user
# runs them, which port is free, and how a process is recognised before it is sent a signal. Sourced.
#
# A server directory DIR (say .local/postgres) holds what a caller reads (url, port, pid …, for this user only)
# and `run`, which holds what the server itself owns. `run` is a link to a directory under /var/tmp where the
# server's user could not reach DIR or where DIR's path has characters the server's own scripts stumble over.

say() { printf '%s\n' "$*" >&2; }
fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# private_init NAME USER DIR: sets NAME, DIR, RUN and the array AS (how to become the server's user).
private_init() {
  NAME=$1 SERVER_USER=$2 DIR=$3 AS=()
  case $DIR in /*) ;; *) DIR=$PWD/$DIR ;; esac
  RUN=$DIR/run
  cd / # the server's user may not be allowed where the caller stands
  if [ "$(id -u)" = 0 ]; then
    id -u "$SERVER_USER" >/dev/null 2>&1 ||
      fail "there is no user $SERVER_USER to run $NAME as; install its Debian package (scripts/lib/install.sh does)."
    AS=(setpriv --reuid="$SERVER_USER" --regid="$(id -g "$SERVER_USER")" --clear-groups)
    "${AS[@]}" true 2>/dev/null ||
      fail "root may not become user $SERVER_USER here (a container without the setuid capability?), and $NAME refuses to run as root."
  fi
}

# One verb at a time per directory. The lock is released when the script ends: no server inherits it.
private_lock() {
  mkdir -p "$DIR" 2>/dev/null || fail "cannot make the directory $DIR (owner: $(owner_above "$DIR"))."
  [ -w "$DIR" ] || fail "cannot write to $DIR, which belongs to $(stat -c %U "$DIR")."
  exec 9>"$DIR/lock" || fail "cannot write to $DIR/lock, which belongs to $(stat -c %U "$DIR/lock")."
  flock -w 120 9 || fail "another start or stop of $NAME in $DIR has been running for two minutes; look at it first."
}

owner_above() {
  local d=$1
  while [ ! -e "$d" ]; do d=$(dirname "$d"); done
  stat -c '%U of %n' "$d"
}

# Makes RUN, owned by the server's user, in DIR or else under /var/tmp.
private_place() {
  if [ -L "$RUN" ] && [ ! -d "$RUN/" ]; then rm -f "$RUN"; fi
  if [ ! -d "$RUN/" ]; then
    local why=
    case $DIR in *[!A-Za-z0-9_./+-]*) why="its path has unusual characters" ;; esac
    if [ -z "$why" ] && [ ${#AS[@]} -gt 0 ] && ! "${AS[@]}" test -x "$DIR"; then
      why="user $SERVER_USER may not enter it"
    fi
    if [ -n "$why" ]; then
      local elsewhere
      elsewhere=$(mktemp -d "/var/tmp/switchboard-$NAME.XXXXXX")
      ln -s "$elsewhere" "$RUN"
      say "$NAME keeps its data in $elsewhere instead of $DIR, because $why."
    else
      mkdir "$RUN"
    fi
    chmod 700 "$RUN/"
    [ ${#AS[@]} -eq 0 ] || chown "$SERVER_USER:" "$RUN/"
  fi
  RUN=$(readlink -f "$RUN")
  local owner
  owner=$(stat -c %U "$RUN")
  [ ${#AS[@]} -eq 0 ] && [ "$owner" != "$(id -un)" ] &&
    fail "the data in $RUN belongs to user $owner, so this user cannot run $NAME on it; use another directory or remove it."
  return 0
}

# Removes DIR with everything the server kept, wherever that was.
private_remove() {
  if [ -L "$DIR/run" ]; then rm -rf -- "$(readlink -f "$DIR/run")"; fi
  rm -rf -- "$DIR"
}

# as_server VARIABLE=value … command: runs it as the server's user with nothing else of the caller's environment.
as_server() { "${AS[@]}" env -i PATH="$PATH" LANG=C.UTF-8 LC_ALL=C.UTF-8 "$@"; }

# detached LOG VARIABLE=value … command: the same in the background and in a session of its own (no Ctrl-C reaches it),
# holding nothing of ours open. The pid is in DETACHED.
detached() {
  local log=$1
  shift
  (
    cd "$RUN" || exit
    : >"$log" # and then appended to, so that it may be emptied while the server writes
    exec 9>&- </dev/null >>"$log" 2>&1
    exec "${AS[@]}" env -i PATH="$PATH" LANG=C.UTF-8 LC_ALL=C.UTF-8 "$@"
  ) &
  # shellcheck disable=SC2034 # read by the script that sources this
  DETACHED=$!
  disown # its end is no news to this script
}

# ports_free FIRST COUNT: nothing on this machine listens on a port of that range.
ports_free() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v first="$1" -v count="$2" '
    function hex(s,   i, n) { n = 0; for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789ABCDEF", substr(s, i, 1)) - 1; return n }
    $4 == "0A" { split($2, a, ":"); p = hex(a[2]); if (p >= first && p < first + count) taken = 1 }
    END { exit taken }'
}

# random_below N
random_below() { echo $(((RANDOM * 32768 + RANDOM) % $1)); }

# secret: 32 hexadecimal digits.
secret() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# write_private FILE TEXT: only its owner can read it, and nobody ever sees half of it.
write_private() {
  (
    umask 077
    printf '%s\n' "$2" >"$1.new"
  )
  mv -f "$1.new" "$1"
}

# alive PID
alive() {
  [ -n "$1" ] && [ -r "/proc/$1/stat" ] || return 1
  case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in Z* | X* | '') return 1 ;; esac
}

# is_process PID WORD: the process exists and has WORD in its command line, so a recycled number is not mistaken for it.
is_process() {
  alive "$1" && tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qxF -- "$2"
}

# wait_gone SECONDS PID…
wait_gone() {
  local end=$((SECONDS + $1)) pid
  shift
  for pid in "$@"; do
    while alive "$pid"; do
      [ "$SECONDS" -lt "$end" ] || return 1
      sleep 0.05
    done
  done
}

# family PID: it and everything below it.
family() {
  cat /proc/[0-9]*/status 2>/dev/null | awk -v root="$1" '
    $1 == "Pid:" { pid = $2 }
    $1 == "PPid:" { children[$2] = children[$2] " " pid }
    function below(p,   list, n, i) { print p; n = split(children[p], list, " "); for (i = 1; i <= n; i++) below(list[i]) }
    END { below(root) }'
}

# kill_family PID: SIGKILL to all of it at once, as a crash would; stopped first, so that nothing forks meanwhile.
kill_family() {
  local pids
  kill -STOP "$1" 2>/dev/null || true
  mapfile -t pids < <(family "$1")
  kill -KILL "${pids[@]}" 2>/dev/null || true
  wait_gone 20 "${pids[@]}" || fail "process $1 of $NAME does not end, even killed."
}

# end_strays WORD: kills what has WORD in its command line and no pid file, as a start that was itself killed leaves it.
end_strays() {
  local pid
  while read -r pid; do
    if alive "$pid"; then kill_family "$pid"; fi
  done < <(grep -lzxF -e "$1" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3)
}
