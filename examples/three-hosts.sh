#!/bin/sh
# Three hosts on one machine: one orchestratord, and three pool managers that act as one host each.
# It sends requests, stops one of the hosts while they run, and still gets every answer.
#
#   examples/three-hosts.sh            from a checkout, with deno or npx, or with the executables on PATH
#
# With real hosts only the addresses differ; see docs/operations.md.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
pids=
stop() {
  for pid in $pids; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

# Waits until a command succeeds, at most a minute.
await() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { echo "$* did not succeed within a minute" >&2; exit 1; }
    sleep 0.2
  done
}

# Whether a list has this many matches.
count_is() {
  [ "$(curl -sS "$url/v2/$1" | grep -o "$2" | wc -l)" -eq "$3" ]
}

deno=$(command -v deno || npx -y deno@2.9.6 eval 'console.log(Deno.execPath())')

# Runs the installed executable, or its source.
start() {
  name=$1
  shift
  if command -v "$name" >/dev/null; then exec "$name" "$@"; else exec "$deno" task -q "$name" "$@"; fi
}

# The address that a daemon logs when it listens.
address() {
  await grep -q '"event":"listening"' "$1"
  sed -n 's/.*"event":"listening".*"url":"\([^"]*\)".*/\1/p' "$1"
}

mkdir "$work/models"
cp catalog/demo/demo.gguf "$work/models/"

start orchestratord --port=0 --state-dir="$work/orchestratord" >"$work/orchestratord.log" &
pids="$pids $!"
url=$(address "$work/orchestratord.log")
echo "orchestratord at $url"

for host in 1 2 3; do
  start pool-managerd --pool-id="host-$host" --port=0 --worker-port-base=0 \
    --state-dir="$work/host-$host" --models-dirs="$work/models" --orchestrator-url="$url" \
    >"$work/host-$host.log" &
  pids="$pids $!"
  eval "host_$host=$!"
done
await count_is pools '"status":"available"' 3
echo "three hosts are registered"

# Load a worker on each host before the first request.
for host in 1 2 3; do
  curl -sS --fail-with-body -o "$work/load" -X POST "$url/v2/models/demo/load" \
    -H 'Content-Type: application/json' -d "{\"pool_id\":\"host-$host\"}"
done
await count_is workers '"state":"ready"' 3
echo "each has loaded the model"

asked=
# The demo model is tiny: it can count between these.
for n in 1 2 3 4 5 6; do
  case $n in 1 | 2 | 3) from=$n to=8 ;; 4) from=4 to=9 ;; 5) from=2 to=7 ;; 6) from=6 to=8 ;; esac
  curl -sS --fail-with-body -o "$work/answer-$n" "$url/v1/chat/completions" \
    -H 'Content-Type: application/json' -d "{\"model\":\"demo\",\"max_tokens\":40,\"temperature\":0,
      \"messages\":[{\"role\":\"user\",\"content\":\"Count from $from to $to.\"}]}" &
  asked="$asked $!"
done
kill "$host_2"
echo "host-2 is stopped"
for pid in $asked; do wait "$pid"; done
for n in 1 2 3 4 5 6; do
  echo "$n: $(sed -E 's/.*"content":"([^"]*)".*/\1/' "$work/answer-$n")"
done
