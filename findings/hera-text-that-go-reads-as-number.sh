#!/bin/sh
# hera 7.1.0 (PyPI), the Python library for Argo Workflows, and sigs.k8s.io/yaml v1.4.0, which kubectl and Argo read with.
#
# Guess before running: a parameter that is a text in Python is a text for who reads the file that `to_yaml` writes; where
# a text looks like a number, it is quoted. (Hera quotes the number 1000.0 that is given as a parameter, and "".)
#
# Seen, of parameters and a variable whose values are texts:
#   - "1234e56" (as a short commit id may be) is written bare, and Go reads the number 1.234e+59: the id is gone
#   - "0o14" is written bare, and Go reads 12
#   - "007", "0x1F" and "1_000" are quoted, and stay what they are
# Hera writes by the rules of YAML 1.1 (an exponent needs a point and a sign, an octal number no letter), Go reads by 1.2
# and 1.1.
#
# Fails if this changes. Needs Python 3.10 or newer with venv, PyPI, Go and its module proxy.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/python -m pip --quiet --disable-pip-version-check install hera==7.1.0 PyYAML==6.0.3
cat >write.py <<'PY'
from hera.workflows import Container, Parameter, Workflow
from hera.workflows.models import EnvVar

texts = ["1234e56", "0o14", "007", "0x1F", "1_000"]
with Workflow(name="w", entrypoint="c", arguments=[Parameter(name=f"p{i}", value=t) for i, t in enumerate(texts)]) as w:
    Container(name="c", image="i", env=[EnvVar(name="COMMIT", value="1234e56")])
print(w.to_yaml())
PY
cat >go.mod <<'MOD'
module ask

go 1.22

require sigs.k8s.io/yaml v1.4.0
MOD
cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	var read struct {
		Spec struct {
			Arguments struct {
				Parameters []struct{ Value any }
			}
			Templates []struct {
				Container struct{ Env []struct{ Value any } }
			}
		}
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(asJSON, &read); err != nil {
		panic(err)
	}
	for _, one := range read.Spec.Arguments.Parameters {
		fmt.Printf("parameter: %T %v\n", one.Value, one.Value)
	}
	fmt.Printf("variable: %T %v\n", read.Spec.Templates[0].Container.Env[0].Value, read.Spec.Templates[0].Container.Env[0].Value)
}
GO
go mod tidy >/dev/null 2>&1
venv/bin/python write.py | go run . >seen
cat seen
cat >expected <<'END'
parameter: float64 1.234e+59
parameter: float64 12
parameter: string 007
parameter: string 0x1F
parameter: string 1_000
variable: float64 1.234e+59
END
diff expected seen
