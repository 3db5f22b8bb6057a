#!/bin/sh
# Shows one diagnostic, then compiles the examples for both clouds.
# The commands see no setting of this machine: no METAFLOW_* or AWS_* variable, no Metaflow profile, no user name.
set -eu
cd "$(dirname "$0")/.."
out=build/demo
rm -rf "$out" build/demo-home
mkdir -p build/demo-home

offline() {
    env -i PATH="$PATH" HOME="$PWD/build/demo-home" METAFLOW_HOME="$PWD/build/demo-home" "$@"
}

echo "1. A flow waits for a flow whose name is misspelt. The check finds it before anything is deployed:"
printf '\n$ metaflow-triggers check tests/fixtures/unknown_upstream\n'
status=0
offline metaflow-triggers check tests/fixtures/unknown_upstream >build/demo-check.txt 2>&1 || status=$?
cat build/demo-check.txt
if [ "$status" -ne 1 ] || ! grep -q FT201 build/demo-check.txt; then
    echo "expected FT201 and exit code 1, not $status" >&2
    exit 1
fi

# Folders that hold flows. multiple_events and simple_event both hold a ProcessingFlow, as in the documentation: one of
# them is enough.
paths=""
for folder in examples/*/; do
    folder=${folder%/}
    grep -qs FlowSpec "$folder"/*.py || continue
    case "$folder" in
    # One of its flows is polled twice a second, which no cloud does; local_demo.sh runs that one.
    examples/multiple_events | examples/local_pipeline) ;;
    *) paths="$paths $folder" ;;
    esac
done

# What no example emits is published by something else; said here, it is not warned about.
external=""
for event in batch-arrived data-ready data-updated dev-event invoice-paid order-placed product-added \
    sales-eu sales-us stock-low user-signup \
    ml-platform.user.nobody.model-trained ml-platform.user.nobody.training-complete; do
    external="$external --external-event $event"
done

echo
echo "2. The examples, compiled for AWS Step Functions and for Argo Workflows:"
printf '\n$ metaflow-triggers compile examples/... --output %s\n' "$out"
# shellcheck disable=SC2086
offline metaflow-triggers compile $paths $external --output "$out"

cat <<END

What starts ProcessOrder, for instance, is in
  $out/step-functions/ProcessOrder.yaml                  (AWS: the rule and the starter come first)
  $out/argo-workflows/processorder/sensor.yaml           (Argo: the Sensor)
  $out/argo-workflows/processorder/workflowtemplate.yaml
END
ls "$out/step-functions/ProcessOrder.yaml" "$out/argo-workflows/processorder/sensor.yaml" \
    "$out/argo-workflows/processorder/workflowtemplate.yaml" >/dev/null
