#!/bin/sh
# @NAME@ @VERSION@ (@COMMIT@) for @TARGET@: one file that contains all it needs. This script unpacks
# the runtime and the program that follow it, once for each version, and runs them. Unpacking needs
# sh, mkdir, mv, rm, tail, head, cut, gzip, tar and sha256sum (or shasum); --verify-runtime also diff,
# ls and grep, --clean-runtime also find and grep, a start through a link also readlink. No network.
#   LLORCH_RUNTIME_DIR  where to unpack (default: $XDG_CACHE_HOME or ~/.cache, then llorch/runtime)
#   --verify-runtime    compare the unpacked files with those in this file; unpacks below $TMPDIR
#   --clean-runtime     remove what other versions have unpacked
set -eu
deno_key=@DENO_KEY@ deno_at=@DENO_AT@ deno_size=@DENO_SIZE@ deno_sha=@DENO_SHA@
app_key=@APP_KEY@ app_at=@APP_AT@ app_size=@APP_SIZE@ app_sha=@APP_SHA@

fail() { echo "@NAME@: $1" >&2; exit 1; }

self=$0
if [ -h "$self" ]; then self=$(readlink -f -- "$self") || self=$0; fi
case $self in /*) ;; *) self=$PWD/$self ;; esac

if [ -n "${LLORCH_RUNTIME_DIR:-}" ]; then dir=$LLORCH_RUNTIME_DIR
elif [ -n "${XDG_CACHE_HOME:-}" ]; then dir=$XDG_CACHE_HOME/llorch/runtime
elif [ -n "${HOME:-}" ]; then dir=$HOME/.cache/llorch/runtime
else fail 'Cannot tell where to unpack the runtime: set LLORCH_RUNTIME_DIR to a folder'
fi
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac

sha256() {
  if command -v sha256sum > /dev/null; then sha256sum; else shasum -a 256; fi | cut -c1-64
}

# section AT SIZE: these bytes of this file. tail prints an error once head has enough.
section() { tail -c "+$(($1 + 1))" -- "$self" 2> /dev/null | head -c "$2"; }

need() {
  for tool; do command -v "$tool" > /dev/null || fail "Cannot continue without $tool: install it"; done
}

# unpack KEY AT SIZE SHA FOLDER HINT: creates $aside in FOLDER and unpacks there. mkdir ensures that
# the name is ours: containers that share the folder may have the same process ids.
unpack() {
  need mkdir mv rm tail head cut gzip tar
  command -v sha256sum > /dev/null || need shasum
  umask 022
  mkdir -p -- "$5" || fail "Cannot make the folder $5: $6"
  n=0
  until mkdir -- "$5/.$1.$$.$n" 2> /dev/null; do
    n=$((n + 1))
    [ "$n" -lt 64 ] || fail "Cannot write to $5: $6"
  done
  aside=$5/.$1.$$.$n
  # Not in a subshell, so that a signal ends this script and also removes what it has unpacked.
  trap 'rm -rf -- "$aside"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP QUIT
  section "$2" "$3" > "$aside/.payload" || fail "Cannot unpack the runtime into $5: make room, or $6"
  [ "$(sha256 < "$aside/.payload")" = "$4" ] ||
    fail "Cannot unpack the runtime: $self is damaged or $5 is full"
  gzip -dc < "$aside/.payload" | tar -xof - -C "$aside" && rm -f -- "$aside/.payload" ||
    fail "Cannot unpack the runtime into $5: make room, or $6"
}

drop_aside() {
  rm -rf -- "$aside"
  trap - EXIT INT TERM HUP QUIT
  umask "$mask"
}

# provide KEY AT SIZE SHA FILE: unpacks aside and renames, so that many may start at once. FILE shows
# that the folder is complete: a cleaner of caches may have removed files from it.
provide() {
  [ ! -e "$dir/$1/$5" ] || return 0
  unpack "$1" "$2" "$3" "$4" "$dir" 'set LLORCH_RUNTIME_DIR to another folder'
  if [ -d "$dir/$1" ] && [ ! -e "$dir/$1/$5" ]; then
    mkdir -- "$aside.old" && mv -- "$dir/$1" "$aside.old" 2> /dev/null || true
    rm -rf -- "$aside.old"
  fi
  [ -d "$dir/$1" ] || mv -- "$aside" "$dir/$1" 2> /dev/null || [ -d "$dir/$1" ] ||
    fail "Cannot rename $aside to $dir/$1"
  # Another start was first: mv has put our folder into its folder.
  rm -rf -- "$dir/$1/${aside##*/}"
  drop_aside
}

# The mode of each file from ls, without the marks that some systems add.
modes() { (cd -- "$1" && LC_ALL=C ls -lAR | grep -v '^total ' | cut -c1-10); }

# verify KEY AT SIZE SHA: only reads the folder, so that any user may run it
verify() {
  [ -d "$dir/$1" ] || fail "Nothing is unpacked at $dir/$1: the next start does that"
  need diff ls grep
  unpack "$1" "$2" "$3" "$4" "${TMPDIR:-/tmp}" 'set TMPDIR to another folder'
  diff -r -- "$aside" "$dir/$1" > /dev/null && [ "$(modes "$aside")" = "$(modes "$dir/$1")" ] ||
    fail "$dir/$1 differs from what this file contains: remove it, and the next start unpacks it again"
  drop_aside
}

drop() { if rm -rf -- "$1"; then echo "removed $1"; else left=$1; fi; }

# Removes other versions of this program, every deno that no program uses any more, and what killed
# starts have left, which is older than an hour.
clean() {
  need rm find grep
  left=
  for other in "$dir/@NAME@"-[0-9]*-@TARGET@-*; do
    [ ! -d "$other" ] || [ "$other" = "$dir/$app_key" ] || drop "$other"
  done
  for other in "$dir"/deno-*; do
    [ -d "$other" ] && [ "$other" != "$dir/$deno_key" ] || continue
    grep -qsxF -- "${other##*/}" "$dir"/*/runtime || drop "$other"
  done
  for other in "$dir"/.deno-*.* "$dir"/.@NAME@-*.*; do
    [ ! -d "$other" ] || [ -z "$(find "$other" -prune -mmin +60)" ] || drop "$other"
  done
  [ -z "$left" ] || fail "Cannot remove $left: run this as the one who owns $dir"
}

alone() { [ "$#" = 1 ] || { echo "@NAME@: $1 takes no arguments: $2" >&2; exit 2; }; }

mask=$(umask)
case ${1:-} in
--verify-runtime)
  alone "$@"
  verify $deno_key $deno_at $deno_size $deno_sha
  verify $app_key $app_at $app_size $app_sha
  echo "@NAME@: $dir matches what this file contains"
  exit
  ;;
--clean-runtime) alone "$@"; clean; exit ;;
esac

provide $deno_key $deno_at $deno_size $deno_sha deno
provide $app_key $app_at $app_size $app_sha main.js

deno=$dir/$deno_key/deno
[ -x "$deno" ] ||
  fail "Cannot execute $deno: where $dir is mounted noexec, set LLORCH_RUNTIME_DIR to another folder"
@PREPARE@
export LLORCH_EXECUTABLE="$self" DENO_NO_UPDATE_CHECK=1 DENO_DIR="${DENO_DIR:-$dir/cache}"
exec "$deno" run --quiet --no-prompt --cached-only --no-remote @FLAGS@ \
  --config="$dir/$app_key/deno.json" -P=@EXECUTABLE@ "$dir/$app_key/main.js" "$@"
