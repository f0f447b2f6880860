#!/bin/bash
# cluster-demo.sh WASMILL BUNDLE TEXTS WORK: counts the words of TEXTS on a cluster of one JobManager and two
# TaskManagers, all of them processes of this machine, and talks to it as any HTTP client would: with curl.
# Everything is kept below WORK, which is made anew.
set -euo pipefail
wasmill=$1 bundle=$2 texts=$(realpath "$3") work=$4

rm -rf "$work"
mkdir -p "$work"
"$wasmill" cluster start --taskmanagers 2 --slots 2 --rest 127.0.0.1:0 --data-dir "$work/cluster" &
cluster=$!
trap 'kill $cluster 2>/dev/null; wait $cluster || true' EXIT

# The JobManager writes where it listens once it can be reached.
addresses=$work/cluster/jobmanager/addresses.json
for _ in $(seq 300); do [ -s "$addresses" ] && break; sleep 0.1; done
url=http://$(sed -n 's/.*"rest":"\([^"]*\)".*/\1/p' "$addresses")/v1
for _ in $(seq 300); do
    curl -s "$url/overview" | grep -q '"taskmanagers":2' && break
    sleep 0.1
done

echo; echo "upload $bundle"
id=$(curl -sS -F "jarfile=@$bundle" "$url/bundles/upload" | sed -n 's/.*"filename":"[^"]*\/\([^"/]*\)".*/\1/p')
echo "bundle $id"
request='{"parallelism": 4, "programArgsList": ["--input", "'$texts'", "--output", "'$(realpath -m "$work/counts")'"]}'
job=$(curl -sS -H 'Content-Type: application/json' -d "$request" "$url/bundles/$id/run" \
  | sed -n 's/.*"jobid":"\([0-9a-f]*\)".*/\1/p')
echo "job    $job"
for _ in $(seq 600); do
    state=$(curl -sS "$url/jobs/$job/status" | sed -n 's/.*"status":"\([A-Z]*\)".*/\1/p')
    case $state in
        FINISHED) break ;;
        FAILED | CANCELED) curl -sS "$url/jobs/$job/exceptions"; exit 1 ;;
    esac
    sleep 0.1
done
echo "state  $state"
[ "$state" = FINISHED ]
