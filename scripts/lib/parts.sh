# shellcheck shell=bash
# Runs a script's parts one after the other, times each, and says at the end what failed. Sourced.

PARTS_FAILED=() PARTS_TIMES=() PART=

# part NAME COMMAND…: in a process group of its own, which ends with us: on Ctrl-C, and when only we are told to stop.
part() {
  local name=$1 from=$EPOCHREALTIME status=0 outcome=ok
  shift
  printf '%-12s …\n' "$name" >&2
  set -m
  "$@" </dev/null &
  PART=$!
  set +m
  wait "$PART" || status=$?
  PART=
  if [ "$status" != 0 ]; then
    outcome=FAILED
    PARTS_FAILED+=("$name")
  fi
  PARTS_TIMES+=("$name $(since "$from") s")
  printf '%-12s %s, %s s\n' "$name" "$outcome" "$(since "$from")" >&2
  [ "$status" = 0 ]
}

# shellcheck disable=SC2317 # called by trap
stop_part() {
  trap '' INT TERM HUP
  if [ -n "$PART" ]; then
    kill -TERM -- "-$PART" 2>/dev/null || true
    wait "$PART" 2>/dev/null || true
  fi
  say "${0##*/}: stopped."
  exit "$1"
}
trap 'stop_part 130' INT
trap 'stop_part 143' TERM HUP

# since EPOCHREALTIME: seconds, to the tenth.
since() {
  local from=${1/[.,]/} now=${EPOCHREALTIME/[.,]/}
  local tenths=$(((now - from) / 100000))
  echo "$((tenths / 10)).$((tenths % 10))"
}

# parts_done NAME: the last line, and the exit status.
parts_done() {
  local times
  times=$(printf ', %s' "${PARTS_TIMES[@]}")
  if [ ${#PARTS_FAILED[@]} -eq 0 ]; then
    say "$1: ok (${times#, })."
  else
    say "$1: FAILED: ${PARTS_FAILED[*]} (${times#, })."
    return 1
  fi
}
