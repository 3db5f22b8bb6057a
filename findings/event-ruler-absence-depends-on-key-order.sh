#!/bin/sh
# event-ruler 2.1.0 (Maven Central), the matcher of event patterns that Amazon publishes.
#
# Guess before running: what a pattern matches does not depend on what its fields are called. A pattern that asks for
# two fields of one object in an array, item is "x" and another field is absent, either looks for one object that is
# both, or does not; renaming the other field changes nothing.
#
# Seen, with [{"item": "x"}, {OTHER: 1}]: an object has the item, another one has the field that should be absent.
#   - OTHER is `void`, after `item` in the alphabet: it matches (one object is both)
#   - OTHER is `held`, before `item`:                it does not match
# The absence is looked for in the order of the names, and only fields read before it tie it to an object of the array.
# The same pattern with a field renamed starts something, or nothing.
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
    public static void main(String[] others) throws Exception {
        for (String other : others) {
            Machine machine = new Machine();
            machine.addRule("r", "{\"lines\":{\"item\":[\"x\"],\"" + other + "\":[{\"exists\":false}]}}");
            String event = "{\"lines\":[{\"item\":\"x\"},{\"" + other + "\":1}]}";
            System.out.println(other + " " + !machine.rulesForJSONEvent(event).isEmpty());
        }
    }
}
JAVA
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies -DoutputDirectory=jars
javac -nowarn -cp 'jars/*' Ask.java
java -cp '.:jars/*' Ask void held zero about itel iten >seen
printf '%s\n' 'void true' 'held false' 'zero true' 'about false' 'itel false' 'iten true' >expected
cat seen
diff expected seen && echo "as described"
