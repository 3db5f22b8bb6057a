#!/bin/sh
# The matcher of event patterns in localstack-core 2026.3.0 (PyPI) beside event-ruler 2.1.0 (Maven Central), Amazon's own.
#
# Guess before running: the emulator's matcher accepts fewer operators than Amazon's, perhaps, and for those which it
# accepts it gives the same answers.
#
# Seen, pattern and event, event-ruler's answer and then LocalStack's:
#   - [{"wildcard": "in/*"}] and "in/":            yes, no   (a star stands for one character at least in LocalStack)
#   - [1] and true:                                no, yes   (True == 1 in Python)
#   - [{"numeric": [">", 0]}] and true:            no, yes
#   - [{"anything-but": [1]}] and true:            yes, no
#   - item "x" and n 2, of the objects (x, 1) and (y, 2) in one array: no, yes   (each field may be of another object)
#   - [{"exists": false}], the field in one object of two: no, yes
# Alike: [3] and 3.0; ["3"] and 3; [null] and a field that is not there; [{"prefix": ""}] and "".
#
# Fails if this changes. Needs Python 3.10 or newer with venv, PyPI, Java 17, Maven and Maven Central.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >asked.json <<'JSON'
[{"a":[{"wildcard":"in/*"}]}, {"a":"in/"}]
[{"a":[1]}, {"a":true}]
[{"a":[{"numeric":[">",0]}]}, {"a":true}]
[{"a":[{"anything-but":[1]}]}, {"a":true}]
[{"a":{"item":["x"],"n":[2]}}, {"a":[{"item":"x","n":1},{"item":"y","n":2}]}]
[{"a":{"b":[{"exists":false}]}}, {"a":[{"b":1},{"c":1}]}]
[{"a":[3]}, {"a":3.0}]
[{"a":["3"]}, {"a":3}]
[{"a":[null]}, {"b":1}]
[{"a":[{"prefix":""}]}, {"a":""}]
JSON
python3 -m venv venv
venv/bin/python -m pip --quiet --disable-pip-version-check install "localstack-core[base-runtime]==2026.3.0"
cat >ask.py <<'PY'
import json
import logging

logging.disable()
from localstack.services.events.event_rule_engine import EventPatternCompiler, EventRuleEngine

for line in open("asked.json"):
    pattern, event = json.loads(line)
    compiled = EventPatternCompiler().compile_event_pattern(json.dumps(pattern))
    print(str(EventRuleEngine().evaluate_pattern_on_event(compiled, event)).lower())
PY
venv/bin/python ask.py >localstack
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>b</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>software.amazon.event.ruler</groupId><artifactId>event-ruler</artifactId><version>2.1.0</version>
  </dependency></dependencies>
</project>
XML
cat >Ask.java <<'JAVA'
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import software.amazon.event.ruler.Machine;

public class Ask {
    public static void main(String[] none) throws Exception {
        for (String line : Files.readAllLines(Path.of("asked.json"))) {
            JsonNode asked = new ObjectMapper().readTree(line);
            Machine machine = new Machine();
            machine.addRule("r", asked.get(0).toString());
            System.out.println(!machine.rulesForJSONEvent(asked.get(1).toString()).isEmpty());
        }
    }
}
JAVA
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies -DoutputDirectory=jars
javac -nowarn -cp 'jars/*' Ask.java
java -cp '.:jars/*' Ask >ruler
paste -d' ' ruler localstack asked.json >seen
cat seen
cat >answers <<'END'
true false
false true
false true
true false
false true
false true
true true
false false
false false
true true
END
paste -d' ' answers asked.json | diff - seen
