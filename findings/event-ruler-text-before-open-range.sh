#!/bin/sh
# event-ruler 2.1.0 (Maven Central), the matcher of event patterns that Amazon publishes.
#
# Guess before running: the alternatives of a field are a set. Their order changes no answer, and the same pattern
# gives the same answer to the same event in every machine that is made.
#
# Seen, asking 400 new machines each whether {"state": "done"} matches:
#   - ["done", {"numeric": ["<", 0]}, "failed"]: about half of the machines say no
#   - ["done", "failed", {"numeric": ["<", 0]}]: all say yes
#   - ["done", {"numeric": [">", 0]}, "failed"]: all say yes
#   - ["done", {"numeric": ["<", 0]}]:           all say yes
# A text that stands alone before a range without a lower end is forgotten, or not, once another alternative follows.
# With the ranges last no machine forgets it.
#
# Fails if this changes. Needs Java 17, Maven and Maven Central.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>b</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>software.amazon.event.ruler</groupId><artifactId>event-ruler</artifactId><version>2.1.0</version>
  </dependency></dependencies>
</project>
XML
cat >Ask.java <<'JAVA'
import software.amazon.event.ruler.Machine;

public class Ask {
    public static void main(String[] alternatives) throws Exception {
        for (String one : alternatives) {
            int matches = 0;
            for (int i = 0; i < 400; i++) {
                Machine machine = new Machine();
                machine.addRule("r", "{\"state\":[" + one + "]}");
                matches += machine.rulesForJSONEvent("{\"state\":\"done\"}").size();
            }
            String told = matches == 0 ? "none" : matches == 400 ? "all" : "some";
            System.out.println("[" + one + "] " + told + " of 400");
            System.err.println(matches + " of 400");
        }
    }
}
JAVA
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies -DoutputDirectory=jars
javac -nowarn -cp 'jars/*' Ask.java
java -cp '.:jars/*' Ask '"done",{"numeric":["<",0]},"failed"' '"done","failed",{"numeric":["<",0]}' \
    '"done",{"numeric":[">",0]},"failed"' '"done",{"numeric":["<",0]}' >seen
cat >expected <<'TEXT'
["done",{"numeric":["<",0]},"failed"] some of 400
["done","failed",{"numeric":["<",0]}] all of 400
["done",{"numeric":[">",0]},"failed"] all of 400
["done",{"numeric":["<",0]}] all of 400
TEXT
cat seen
diff expected seen && echo "as described"
