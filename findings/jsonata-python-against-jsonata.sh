#!/bin/sh
# jsonata-python 0.7.1 (PyPI) beside jsonata 2.2.2 (npm), the reference implementation of the language.
#
# Guess before running: the port gives the reference's answers; what it cannot, it refuses with the reference's codes.
#
# Seen, the reference's answer and then the port's:
#   - $distinct([1, "1", true]):          [1,"1",true] and [1,"1"]   (True == 1 in Python)
#   - $base64encode("h\u00e9"):           aOk= and aMOp              (bytes of Latin-1; bytes of UTF-8)
#   - $string(100000000000000000000):     "100000000000000000000" and "1e+20"
#   - $number(" 1 "):                     refused, D3030, and 1
#   - $number(""):                        refused, D3030, and Python's own ValueError
# Alike: $string(0.1 + 0.2), 10 / 5, 7 % -3, -7 % 3, $round(-2.5), $sort(["b", "A", "a"]), $formatInteger(12, "w").
#
# Fails if this changes. Needs Python 3.10 or newer with venv, PyPI, Node and the npm registry.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >asked.json <<'JSON'
["$distinct([1, \"1\", true])", "$base64encode(\"h\u00e9\")", "$string(100000000000000000000)", "$number(\" 1 \")",
 "$number(\"\")", "$string(0.1 + 0.2)", "10 / 5", "7 % -3", "-7 % 3", "$round(-2.5)", "$sort([\"b\", \"A\", \"a\"])",
 "$formatInteger(12, \"w\")"]
JSON
cat >ask.py <<'PY'
import json

from jsonata import JException, Jsonata

for asked in json.load(open("asked.json")):
    try:
        print(json.dumps(Jsonata(asked).evaluate({}), separators=(",", ":")))
    except JException as error:
        print(error.error)
    except ValueError:
        print("ValueError")
PY
cat >ask.js <<'JS'
const jsonata = require("jsonata");

(async () => {
  for (const asked of require("./asked.json")) {
    try {
      console.log(JSON.stringify(await jsonata(asked).evaluate({})));
    } catch (error) {
      console.log(error.code);
    }
  }
})();
JS
python3 -m venv venv
venv/bin/python -m pip --quiet --disable-pip-version-check install jsonata-python==0.7.1
npm install --silent --no-audit --no-fund --no-save --prefix "$work" jsonata@2.2.2 >/dev/null
node ask.js >reference
venv/bin/python ask.py >port
paste -d' ' reference port >seen
cat seen
cat >expected <<'END'
[1,"1",true] [1,"1"]
"aOk=" "aMOp"
"100000000000000000000" "1e+20"
D3030 1
D3030 ValueError
"0.3" "0.3"
2 2
1 1
-1 -1
-2 -2
["A","a","b"] ["A","a","b"]
"twelve" "twelve"
END
diff expected seen
