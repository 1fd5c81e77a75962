#!/bin/sh
# @NAME@ @VERSION@ (@COMMIT@): runs the program of this image.
export LLORCH_EXECUTABLE=/usr/bin/@NAME@ DENO_NO_UPDATE_CHECK=1 DENO_DIR="${DENO_DIR:-/tmp/llorch/deno}"
exec @LIB@/deno run --quiet --no-prompt --cached-only --no-remote --unstable-lazy-dynamic-imports \
  --config=@LIB@/@NAME@/deno.json -P=@EXECUTABLE@ @LIB@/@NAME@/main.js "$@"
