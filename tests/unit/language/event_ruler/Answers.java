import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import software.amazon.event.ruler.Machine;
import software.amazon.event.ruler.RuleCompiler;

/**
 * Asks AWS's event-ruler. In: one JSON object {"filter", "payload"} a line, both as JSON text, so that no number loses
 * a digit on the way. Out: for each line {"matches": bool} or {"refused": message}. The filter stands below `detail`
 * as in EventBridge.
 */
public class Answers {
    public static void main(String[] arguments) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode asked = json.readTree(line);
            Map<String, Object> answer = new LinkedHashMap<>();
            try {
                String rule = "{\"detail\":" + asked.get("filter").textValue() + "}";
                String event = "{\"detail\":" + asked.get("payload").textValue() + "}";
                RuleCompiler.compile(rule);
                Machine machine = new Machine();
                machine.addRule("r", rule);
                boolean byMachine = !machine.rulesForJSONEvent(event).isEmpty();
                answer.put("matches", byMachine);
            } catch (Exception refused) {
                answer.put("refused", String.valueOf(refused.getMessage()).split("\n")[0]);
            }
            System.out.println(json.writeValueAsString(answer));
        }
    }
}
