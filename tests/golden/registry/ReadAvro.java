import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.util.HexFormat;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/** Reads lines of a schema, a tab and data in hex; says what Avro reads, and what it writes of that. */
public class ReadAvro {
  public static void main(String[] arguments) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    var out = new java.io.PrintStream(System.out, true, "UTF-8");
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] parts = line.split("\t", -1);
      Schema schema = new Schema.Parser().parse(parts[0]);
      byte[] data = HexFormat.of().parseHex(parts[1]);
      var decoder = DecoderFactory.get().binaryDecoder(data, null);
      Object read = new GenericDatumReader<Object>(schema).read(null, decoder);
      if (!decoder.isEnd()) {
        throw new IllegalStateException("bytes are left behind " + read);
      }
      var bytes = new ByteArrayOutputStream();
      BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
      new GenericDatumWriter<Object>(schema).write(read, encoder);
      encoder.flush();
      out.println(String.valueOf(read) + "\t" + HexFormat.of().formatHex(bytes.toByteArray()));
    }
  }
}
