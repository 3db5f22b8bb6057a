#!/bin/sh
# Runs the three flows of local_demo.sh and leaves the engine's page open, until Ctrl-C.
# Nothing of this machine's settings is seen, and nothing but build/ is written. PAGE_PORT: of the page (default: 8723).
set -eu
cd "$(dirname "$0")/.."
examples=$PWD/examples/local_pipeline
out=$PWD/build/demo-page
rm -rf "$out"
mkdir -p "$out"
cd "$out"

offline() {
    env -i PATH="$PATH" HOME="$out" METAFLOW_HOME="$out" METAFLOW_USER=demo METAFLOW_DATASTORE_SYSROOT_LOCAL="$out" "$@"
}

printf '$ metaflow-triggers emit order-received --payload ...\n'
offline metaflow-triggers emit order-received --payload '{"orderId": 42, "customer": {"name": "Ada"}}'
printf '\n$ metaflow-triggers run examples/local_pipeline --ui\n'
echo 'Open the address in a browser. The chain takes some seconds; emit another order there. Ctrl-C ends it.'
# In place of this shell, so that Ctrl-C is the engine's.
exec env -i PATH="$PATH" HOME="$out" METAFLOW_HOME="$out" METAFLOW_USER=demo TERM=dumb \
    METAFLOW_DATASTORE_SYSROOT_LOCAL="$out" metaflow-triggers run "$examples" --ui "${PAGE_PORT:-8723}"
