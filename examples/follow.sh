#!/bin/sh
# A durable job with only curl: submit it, read its events, and resume where the stream was interrupted.
#
#   examples/follow.sh "Tell me a story about Ada."
#
# Variables: LLORCH_URL (http://127.0.0.1:8080), LLORCH_API_KEY and LLORCH_MODEL (demo).
set -eu
url=${LLORCH_URL:-http://127.0.0.1:8080}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ask() {
  curl -sS --fail-with-body -H 'Content-Type: application/json' \
    -H "Authorization: Bearer ${LLORCH_API_KEY:-none}" "$@"
}

# A text as a JSON string.
quoted() {
  printf '"%s"' "$(printf %s "$1" | tr '\n\t' '  ' | sed 's/[\\"]/\\&/g')"
}

if ! reply=$(ask "$url/v2/tasks" -d "{\"model\":$(quoted "${LLORCH_MODEL:-demo}"),\"detached\":true,
  \"temperature\":0,\"max_tokens\":60,
  \"messages\":[{\"role\":\"user\",\"content\":$(quoted "${1:-Count from 3 to 8.}")}]}"); then
  echo "$reply" >&2
  exit 1
fi
job=$(printf %s "$reply" | sed -E 's/.*"job_id":"([^"]*)".*/\1/')
echo "job $job" >&2

# Each event has an id; to resume, a reader sends the last one that it has.
last=0
failures=0
until grep -qE '^event: (end|error)' "$work/events" 2>/dev/null; do
  if ! ask -N -H "Last-Event-ID: $last" "$url/v2/tasks/$job/events" >>"$work/events"; then
    failures=$((failures + 1))
    [ $failures -lt 60 ] || exit 1
    sleep 1
  fi
  last=$(sed -n 's/^id: //p' "$work/events" | tail -n 1)
  last=${last:-0}
done

# The text of the tokens, still escaped as in JSON.
sed -nE 's/^data: \{"t":"(.*)","i":[0-9]+.*/\1/p' "$work/events" | tr -d '\n'
echo
grep -q '^event: end' "$work/events"
