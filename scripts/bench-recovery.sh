#!/bin/bash
# bench-recovery.sh WASMILL BUNDLE WORK [MIB [INTERVAL]]: how long a job with MIB (1024) MiB of state in RocksDB
# takes to go on after its TaskManager was killed, and where that time goes. The cluster is one JobManager and
# two TaskManagers of this machine with a slot each, of which one is a spare; the job takes checkpoints each
# INTERVAL (5s). BUNDLE is that of guest-examples/bench. Everything is kept below WORK, which is made anew and
# removed in the end. Needs curl.
# PANIC_AFTER=SECONDS: instead of the TaskManager's end the task panics so long after its start, which must be
# enough for all of the state and a checkpoint of it, and starts again at the same TaskManager. LOCAL=false: it
# then takes its state from checkpoint storage instead of the TaskManager's disk.
set -euo pipefail
wasmill=$1 bundle=$2 work=$3 mib=${4:-1024} interval=${5:-5s}

rm -rf "$work"
mkdir -p "$work"
# Counters come with the heartbeats, so these say when the first record came.
printf '[heartbeat]\ninterval = "50ms"\n[state]\nlocal-recovery = %s\n' "${LOCAL:-true}" >"$work/config.toml"
"$wasmill" cluster start --taskmanagers 2 --slots 1 --rest 127.0.0.1:0 --data-dir "$work/cluster" \
    --config "$work/config.toml" 2>"$work/log" &
cluster=$!
trap 'kill $cluster 2>/dev/null; wait $cluster || true; rm -rf "$work"' EXIT

now() { date +%s%3N; }
# The first number, or the first text, under a name in JSON.
number() { grep -o "\"$1\":-\{0,1\}[0-9]*" <<<"$2" | head -n 1 | cut -d: -f2; }
text() { grep -o "\"$1\":\"[^\"]*\"" <<<"$2" | head -n 1 | cut -d'"' -f4; }
# Asks a question each 20 ms until it is answered; fails after TRIES.
until_true() { for _ in $(seq "${TRIES:-15000}"); do "$@" && return; sleep 0.02; done; cat "$work/log" >&2; exit 1; }

addresses=$work/cluster/jobmanager/addresses.json
until_true test -s "$addresses"
base=http://$(text rest "$(cat "$addresses")")
url=$base/v1
has_both() { [[ $(curl -s "$url/overview") == *'"taskmanagers":2'* ]]; }
until_true has_both

keys=$((mib * 1024 * 1024 / 1000))
panic=()
[ -z "${PANIC_AFTER:-}" ] || panic=(--panic-at $(($(now) + PANIC_AFTER * 1000)))
job=$("$wasmill" run --jobmanager "$base" --detach --quiet --parallelism 1 --backend rocksdb \
    --checkpoint-interval "$interval" -D restart-strategy.type=fixed-delay -D restart-strategy.fixed-delay.attempts=9 \
    -D restart-strategy.fixed-delay.delay=1ms "$bundle" -- --workload checkpoint --records 1000000000000 \
    --keys $keys --changed $((keys / 100)) --value-bytes 1000 "${panic[@]}" | tail -n 1)
echo "job $job: $keys values of 1000 bytes"

# A checkpoint that has everything, and one more.
state_bytes() { number state_size "$(curl -s "$url/jobs/$job/checkpoints" | grep -o '"latest":.*')"; }
is_full() { local bytes; bytes=$(state_bytes) && [ "${bytes:-0}" -ge $((keys * 990)) ]; }
until_true is_full
completed() { number completed "$(curl -s "$url/jobs/$job/checkpoints" | grep -o '"counts":.*')"; }
before=$(completed)
is_newer() { [ "$(completed)" -gt "$before" ]; }
until_true is_newer
echo "state $(($(state_bytes) / 1048576)) MiB, checkpoints $(completed)"

# The vertex that keeps the state is the last one.
vertex=$(curl -s "$url/jobs/$job" | grep -o '"vertices":\[.*' | grep -o '"id":"[0-9a-f]*"' | tail -n 1 | cut -d'"' -f4)
details() { curl -s "$url/jobs/$job/vertices/$vertex"; }
first=$(number attempt "$(details)")
victim=$(text taskmanager-id "$(details)")
if [ -z "${PANIC_AFTER:-}" ]; then
    pid=$(pgrep -P $cluster -f -- "--name $victim( |\$)")
    killed=$(now)
    kill -9 "$pid"
else
    killed=${panic[1]}
    [ "$(now)" -lt "$killed" ] || { echo "the state took too long: raise PANIC_AFTER" >&2; exit 1; }
fi
seen=
flows() {
    seen=$(details)
    [ "$(number attempt "$seen")" -gt "$first" ] && [ "$(number read-records "$seen")" -gt 0 ]
}
until_true flows
flowing=$(now)

detected=$(number timestamp "$(curl -s "$url/jobs/$job/exceptions" | grep -o '"exceptionHistory":.*')")
scheduled=$(number start-time "$seen")
durations=$(grep -o '"status-duration":{[^}]*}' <<<"$seen" | head -n 1)
deploying=$(number DEPLOYING "$durations")
initializing=$(number INITIALIZING "$durations")
running=$(($(number now "$seen") - $(number RUNNING "$durations")))
line() { printf '  %7d ms  %s\n' "$1" "$2"; }
echo "struck $victim; went on at $(text taskmanager-id "$seen")"
line $((detected - killed)) "until the loss was noticed"
line $((running - initializing - deploying - detected)) "until the new attempt was deployed"
# The two states are told close together, so only a run with little state says what the bundle takes of it.
line $((deploying + initializing)) "deploying: fetching and compiling the bundle, fetching and opening the state"
line $((flowing - running)) "until the first record was counted"
line $((flowing - killed)) "in all (scheduled after $((scheduled - killed)) ms)"
# What was restored is in the next checkpoint.
before=$(completed)
until_true is_newer
echo "state $(($(state_bytes) / 1048576)) MiB in the next checkpoint"
