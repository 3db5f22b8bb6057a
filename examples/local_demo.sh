#!/bin/sh
# Runs three flows on the local engine: an event starts the first, a poll the second, the end of the second the third.
# Nothing of this machine's settings is seen, and nothing but build/ is written.
set -eu
cd "$(dirname "$0")/.."
examples=$PWD/examples/local_pipeline
out=$PWD/build/demo-local
rm -rf "$out"
mkdir -p "$out"
cd "$out"

offline() {
    env -i PATH="$PATH" HOME="$out" METAFLOW_HOME="$out" METAFLOW_USER=demo METAFLOW_DATASTORE_SYSROOT_LOCAL="$out" "$@"
}

echo "3. Three flows on this machine: one waits for an event, one for a polled condition, one for the other's end:"
printf '\n$ metaflow-triggers list examples/local_pipeline\n'
offline metaflow-triggers list "$examples"

printf '\n$ metaflow-triggers run examples/local_pipeline &\n'
# Made here: on a busy machine the engine's own shell may be later than the first look at it.
: >engine.txt
# In a subshell that becomes the engine, so that its number is the engine's.
(
    exec env -i PATH="$PATH" HOME="$out" METAFLOW_HOME="$out" METAFLOW_USER=demo \
        METAFLOW_DATASTORE_SYSROOT_LOCAL="$out" metaflow-triggers run "$examples"
) >engine.txt 2>&1 &
engine=$!
trap 'kill "$engine" 2>/dev/null || true' EXIT

# Shows what the engine has said since the last look; its last line may be in the making.
shown=0
show() {
    lines=$(wc -l <engine.txt)
    if [ "$lines" -gt "$shown" ]; then
        sed -n "$((shown + 1)),${lines}p" engine.txt | sed "s|$out/||"
        shown=$lines
    fi
}

# Waits until the engine has said so, or for two minutes.
wait_for() {
    left=600
    until grep -q "$1" engine.txt; do
        left=$((left - 1))
        if [ "$left" -le 0 ] || ! kill -0 "$engine" 2>/dev/null; then
            show
            echo "the engine did not say: $1" >&2
            exit 1
        fi
        sleep 0.2
        show
    done
    show
}

wait_for '^ready'
printf '\n$ metaflow-triggers emit order-received --payload ...\n'
offline metaflow-triggers emit order-received --payload '{"orderId": 42, "customer": {"name": "Ada"}}'
wait_for '^succeeded.*ThankCustomer'
kill "$engine"
wait "$engine" || true
trap - EXIT
show

printf '\nWhat the runs left behind:\n'
offline python - <<'END'
from metaflow import Flow, namespace

namespace(None)
for flow, artifact in (("ReceiveOrder", "parcel"), ("ShipParcel", "order"), ("ThankCustomer", "message")):
    run = Flow(flow).latest_successful_run
    print(f"  {run.pathspec}: {artifact} = {getattr(run.data, artifact)!r}")
END
