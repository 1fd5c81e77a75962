#!/bin/bash
# Checks llorch on a machine with an NVIDIA card and no network: docs/gpu-check.md.
#   tests/gpu/check.sh pack      with the network: makes the pieces, beside a checkout's node_modules
#   tests/gpu/check.sh unpack    there: unpacks the pieces that have arrived so far
#   tests/gpu/check.sh [--cpu] [--seconds N]
#                                there: unpacks, builds llama.cpp, checks; --cpu needs no card
# LLORCH_GPU_PIECES (.gpu/pieces), LLORCH_GPU_WORK (.gpu/work, .gpu/work-cpu) and OUT (.gpu/out) are the folders.
# LLORCH_GPU_LIBRARIES: a folder of libraries of llama.cpp, which then are not built.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
pieces=${LLORCH_GPU_PIECES:-$root/.gpu/pieces}
work=${LLORCH_GPU_WORK:-$root/.gpu/work}
case " $* " in *" --cpu "*) work=${LLORCH_GPU_WORK:-$root/.gpu/work-cpu} ;; esac
out=${OUT:-$root/.gpu/out}

case ${1:-} in
pack) cd "$root" && exec "${DENO:-deno}" run -q --no-prompt -P=tools tests/gpu/pack.ts "$pieces" ;;
unpack | -* | '') ;;
*) echo "check.sh: unknown argument $1: give pack, unpack, options or nothing" >&2; exit 2 ;;
esac

# Where each piece is unpacked. A new archive replaces what an older one left.
mkdir -p "$work" "$out"
missing=
while read -r piece into; do
  archive=$pieces/$piece.tar.gz mark=$work/$piece.unpacked
  if [ -e "$archive" ]; then
    sum=$(sha256sum < "$archive")
    [ -e "$mark" ] && [ "$(cat "$mark")" = "$sum" ] && continue
    rm -rf "$mark" "${work:?}/$into"
    mkdir -p "$work/$into"
    tar -xzof "$archive" -C "$work/$into"
    echo "$sum" > "$mark"
    echo "unpacked $piece"
  elif [ ! -e "$mark" ]; then
    missing="$missing $archive"
  fi
done <<'PIECES'
deno deno
modules tree/node_modules
llama src
PIECES
if [ -n "$missing" ]; then
  echo "check.sh: still missing:$missing; bring them and run this again" >&2
  [ "${1:-}" = unpack ] && exit 0
  exit 2
fi
[ "${1:-}" != unpack ] || exit 0

# The program runs from a copy of this working tree, with the packages that were brought.
tree=$work/tree
for part in cli daemons shared catalog deploy tests tools; do
  rm -rf "${tree:?}/$part"
  cp -R "$root/$part" "$tree/$part"
done
cp "$root/package.json" "$tree/"
sed 's/"nodeModulesDir": "auto"/"nodeModulesDir": "manual"/' "$root/deno.json" > "$tree/deno.json"

export OUT=$out LLORCH_GPU_WORK=$work DENO_DIR=$work/deno-dir DENO_NO_UPDATE_CHECK=1 HOME=${HOME:-/root}
cd "$tree"
exec "$work/deno/deno" run -q --no-prompt --cached-only -P=tools tests/gpu/main.ts "$@"
