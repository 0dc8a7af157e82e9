import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.Converter;

/**
 * Reads lines of a topic, data as JsonConverter writes it, and the same in hex as our Avro and
 * ExtJson converters wrote it; says what Apicurio's converters read of those two, as JsonConverter
 * writes it, and what they write, in hex. An error stands in place of what it prevents.
 */
public class UseApicurio {
  private static final String PACKAGE = "io.apicurio.registry.utils.converter.";

  public static void main(String[] arguments) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    var out = new PrintStream(System.out, true, "UTF-8");
    var json = new JsonConverter();
    json.configure(Map.of(), false);
    var converters = List.of(made("AvroConverter", arguments[0]), made("ExtJsonConverter", arguments[0]));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] parts = line.split("\t", -1);
      SchemaAndValue data = json.toConnectData(parts[0], parts[1].getBytes("UTF-8"));
      String[] said = new String[4];
      for (int i = 0; i < 2; i++) {
        Converter converter = converters.get(i);
        try {
          byte[] ours = HexFormat.of().parseHex(parts[2 + i]);
          SchemaAndValue read = converter.toConnectData(parts[0], ours);
          said[2 * i] = new String(json.fromConnectData(parts[0], read.schema(), read.value()), "UTF-8");
        } catch (RuntimeException error) {
          said[2 * i] = "error: " + error;
        }
        try {
          byte[] written = converter.fromConnectData(parts[0], data.schema(), data.value());
          said[2 * i + 1] = HexFormat.of().formatHex(written);
        } catch (RuntimeException error) {
          said[2 * i + 1] = "error: " + error;
        }
      }
      out.println(String.join("\t", said).replace("\n", " "));
    }
  }

  private static Converter made(String name, String url) throws Exception {
    Map<String, Object> config = new HashMap<>();
    config.put("apicurio.registry.url", url);
    config.put("apicurio.registry.auto-register", "true");
    Class<?> found = Class.forName(PACKAGE + name);
    Converter converter = (Converter) found.getDeclaredConstructor().newInstance();
    converter.configure(config, false);
    return converter;
  }
}
