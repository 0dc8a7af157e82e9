import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.everit.json.schema.loader.SchemaLoader;
import org.json.JSONObject;
import org.json.JSONTokener;

/**
 * Reads lines of a JSON Schema, a tab and JSON that Everit finds valid by it; says what kind of
 * schema that is and its title, and writes with Jackson the JSON that Jackson read.
 */
public class ReadJsonSchema {
  public static void main(String[] arguments) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    var out = new java.io.PrintStream(System.out, true, "UTF-8");
    var mapper = new ObjectMapper();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] parts = line.split("\t", -1);
      var schema = SchemaLoader.builder().schemaJson(new JSONObject(parts[0])).draftV7Support()
          .build().load().build();
      schema.validate(new JSONTokener(parts[1]).nextValue());
      JsonNode read = mapper.readTree(parts[1].getBytes("UTF-8"));
      String title = schema.getTitle() == null ? "" : schema.getTitle();
      out.println(String.join("\t", schema.getClass().getSimpleName(), title,
          new String(mapper.writeValueAsBytes(read), "UTF-8")));
    }
  }
}
