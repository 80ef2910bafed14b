# shellcheck shell=bash
# A throw-away PostgreSQL with a database to run the migrations in, as Diesel would run them. Sourced after environment.sh.

# scratch_database: starts it; sets PROGRAMS and DATABASE. Ended and deleted when the script ends.
scratch_database() {
  local dir
  dir=$(mktemp -d "${TMPDIR:-/tmp}/switchboard-schema.XXXXXX")
  chmod 755 "$dir"
  # shellcheck disable=SC2064 # this directory, and not what the name holds later
  trap "'$ROOT/scripts/lib/private-postgres' remove '$dir/postgres'; rm -rf '$dir'" EXIT
  trap 'exit 130' INT TERM HUP
  DATABASE=$("$ROOT/scripts/lib/private-postgres" start "$dir/postgres") || exit 1
  PROGRAMS=$(cat "$dir/postgres/bin")
}

# sql ARGUMENT…: psql in the scratch database; the first error ends it.
sql() {
  env -u PGOPTIONS "$PROGRAMS/psql" -X -q -At -v ON_ERROR_STOP=1 "$@" "$DATABASE" </dev/null
}

# migrations: their directories, in order.
migrations() { find migrations -mindepth 1 -maxdepth 1 -type d | sort; }

# migrate up|down DIRECTORY
migrate() {
  local how=--single-transaction
  if grep -qs 'run_in_transaction *= *false' "$2/metadata.toml"; then how=; fi
  [ -f "$2/$1.sql" ] || fail "$2 has no $1.sql."
  sql ${how:+"$how"} -o /dev/null -f "$2/$1.sql" || fail "$2/$1.sql fails; see above."
}

# dump: the schema as text, to compare; without comments, empty lines, and the random keys of newer versions.
dump() {
  "$PROGRAMS/pg_dump" --schema-only "$DATABASE" </dev/null | sed -E '/^(--|\\(un)?restrict |$)/d' || fail "pg_dump fails."
}
