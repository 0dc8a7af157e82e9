import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.TextFormat;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/** Reads lines of a descriptor set, a tab and data, in hex; says what Protobuf reads and writes. */
public class ReadProtobuf {
  public static void main(String[] arguments) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    var out = new java.io.PrintStream(System.out, true, "UTF-8");
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] parts = line.split("\t", -1);
      byte[] data = HexFormat.of().parseHex(parts[1]);
      // Each file stands behind those that it imports; the last is the schema itself.
      Map<String, FileDescriptor> files = new HashMap<>();
      FileDescriptor last = null;
      for (FileDescriptorProto file :
          FileDescriptorSet.parseFrom(HexFormat.of().parseHex(parts[0])).getFileList()) {
        var imported = file.getDependencyList().stream().map(files::get);
        last = FileDescriptor.buildFrom(file, imported.toArray(FileDescriptor[]::new));
        files.put(file.getName(), last);
      }
      var read = DynamicMessage.parseFrom(last.getMessageTypes().get(0), data);
      if (!read.getUnknownFields().asMap().isEmpty()) {
        throw new IllegalStateException("unknown fields in " + read);
      }
      String text = TextFormat.printer().emittingSingleLine(true).escapingNonAscii(false)
          .printToString(read);
      out.println(text.strip() + "\t" + HexFormat.of().formatHex(read.toByteArray()));
    }
  }
}
