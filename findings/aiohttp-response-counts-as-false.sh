#!/bin/sh
# aiohttp 3.9.5 and 3.14.5 (PyPI): whether a response is true.
#
# Guess before running: a Response is an object without a length of its own, so it counts as true, and
# `from_cache() or made_anew()` gives the first answer that there is.
#
# Seen:
#   - 3.9.5: a Response is a mutable mapping, in which an application may keep values. A fresh one is empty, so it counts as
#     false, and the second answer is sent. Once a value is kept in it, it counts as true.
#   - 3.14.5: it has a `__bool__`, and counts as true in any case
# Who allows both writes `is None`, also where all tests pass with the newer one.
#
# Fails if any of this changes. Needs Python 3.10 to 3.12, for which 3.9.5 has wheels, and PyPI.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
cd "$work"
cat >ask.py <<'PY'
import aiohttp
from aiohttp import web

fresh, kept = web.Response(text="from the cache"), web.Response(text="from the cache")
kept["found"] = "in the cache"
made_anew = web.Response(text="made anew")
print(aiohttp.__version__, "fresh:", (fresh or made_anew).text, "| with a value:", (kept or made_anew).text)
PY
for version in 3.9.5 3.14.5; do
    "$work/venv/bin/pip" --disable-pip-version-check install --quiet "aiohttp==$version"
    "$work/venv/bin/python" ask.py
done >seen
cat >expected <<'TXT'
3.9.5 fresh: made anew | with a value: from the cache
3.14.5 fresh: from the cache | with a value: from the cache
TXT
cat seen
diff expected seen && echo "as described"
