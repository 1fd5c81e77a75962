#!/bin/sh
# @NAME@ @VERSION@ (@COMMIT@) for @TARGET@: one file that carries all it needs. This script unpacks
# the runtime and the program that follow it, once for each version, and runs them. It needs sh,
# tail, head, gzip, tar and sha256sum (or shasum) and no network.
#   LLORCH_RUNTIME_DIR  where to unpack; else $XDG_CACHE_HOME/llorch/runtime or ~/.cache/llorch/runtime
#   --verify-runtime    compare what was unpacked with what this file carries
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

# section AT SIZE: these bytes of this file
section() { tail -c "+$(($1 + 1))" -- "$self" | head -c "$2"; }

# unpack AT SIZE SHA INTO
unpack() {
  mkdir -p -- "$4" && section "$1" "$2" > "$4/.payload" ||
    fail "Cannot unpack the runtime into $4: make room, or set LLORCH_RUNTIME_DIR to another folder"
  [ "$(sha256 < "$4/.payload")" = "$3" ] ||
    fail "Cannot unpack the runtime: $self is damaged or $dir is full"
  gzip -dc < "$4/.payload" | tar -xof - -C "$4" && rm -f -- "$4/.payload" ||
    fail "Cannot unpack the runtime into $4: make room, or set LLORCH_RUNTIME_DIR to another folder"
}

# provide KEY AT SIZE SHA: unpacks aside and renames, so that many may start at once
provide() {
  umask 022
  aside=$dir/.$1.$$
  trap 'rm -rf -- "$aside"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  unpack "$2" "$3" "$4" "$aside"
  [ -d "$dir/$1" ] || mv -- "$aside" "$dir/$1" 2> /dev/null || [ -d "$dir/$1" ] ||
    fail "Cannot rename $aside to $dir/$1"
  # Another was first: ours went into its folder.
  rm -rf -- "$dir/$1/.$1.$$"
}

# verify KEY AT SIZE SHA
verify() {
  [ -d "$dir/$1" ] || fail "Nothing is unpacked at $dir/$1: the next start does that"
  aside=$dir/.$1.$$
  trap 'rm -rf -- "$aside"' EXIT
  unpack "$2" "$3" "$4" "$aside"
  diff -r -- "$aside" "$dir/$1" > /dev/null ||
    fail "$dir/$1 is not what this file carries: remove it, and the next start unpacks it again"
}

# Removes this program's other versions, each deno that no program is left for, and what starts that
# were killed have left.
clean() {
  for other in "$dir/@NAME@"-[0-9]*-@TARGET@-*; do
    if [ -d "$other" ] && [ "$other" != "$dir/$app_key" ]; then
      rm -rf -- "$other" && echo "removed $other"
    fi
  done
  for other in "$dir"/deno-*; do
    [ -d "$other" ] && [ "$other" != "$dir/$deno_key" ] || continue
    grep -qsxF -- "${other##*/}" "$dir"/*/runtime && continue
    rm -rf -- "$other" && echo "removed $other"
  done
  for other in "$dir"/.deno-*.* "$dir"/.@NAME@-*.*; do
    [ -d "$other" ] && ! kill -0 "${other##*.}" 2> /dev/null || continue
    rm -rf -- "$other" && echo "removed $other"
  done
}

case ${1:-} in
--verify-runtime)
  (verify $deno_key $deno_at $deno_size $deno_sha)
  (verify $app_key $app_at $app_size $app_sha)
  echo "@NAME@: $dir holds what this file carries"
  exit
  ;;
--clean-runtime) clean; exit ;;
esac

[ -d "$dir/$deno_key" ] || (provide $deno_key $deno_at $deno_size $deno_sha)
[ -d "$dir/$app_key" ] || (provide $app_key $app_at $app_size $app_sha)

export LLORCH_EXECUTABLE="$self" DENO_NO_UPDATE_CHECK=1 DENO_DIR="${DENO_DIR:-$dir/cache}"
exec "$dir/$deno_key/deno" run --quiet --no-prompt --cached-only --no-remote @FLAGS@ \
  --config="$dir/$app_key/deno.json" -P=@EXECUTABLE@ "$dir/$app_key/main.js" "$@"
