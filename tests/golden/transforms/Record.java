import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/**
 * Runs Apache's transformations and predicates over the cases on standard input, a JSON object a
 * line, and prints each with its result. With class names as arguments prints their settings.
 */
public class Record {
    private static final String PACKAGE = "org.apache.kafka.connect.transforms.";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    public static void main(String[] classes) throws Exception {
        for (String name : classes) {
            Object plugin = Class.forName(PACKAGE + name).getConstructor().newInstance();
            ConfigDef definition = plugin instanceof Transformation
                ? ((Transformation<?>) plugin).config() : ((Predicate<?>) plugin).config();
            for (ConfigDef.ConfigKey key : definition.configKeys().values()) {
                OUT.println(String.join("\t", name, key.name, key.type.toString(), defaultOf(key),
                    String.valueOf(key.validator), key.importance.toString(),
                    String.valueOf(key.group), String.valueOf(key.orderInGroup),
                    key.width.toString(), key.displayName));
            }
        }
        if (classes.length > 0) {
            return;
        }
        BufferedReader in = new BufferedReader(
            new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode example = (ObjectNode) JSON.readTree(line);
            example.put("result", result(example));
            OUT.println(JSON.writeValueAsString(example));
        }
    }

    private static String defaultOf(ConfigDef.ConfigKey key) {
        return key.hasDefault() ? String.valueOf(ConfigDef.convertToString(key.defaultValue, key.type)) : "REQ";
    }

    @SuppressWarnings("unchecked")
    private static String result(JsonNode example) throws Exception {
        Object plugin = Class.forName(PACKAGE + example.get("class").asText())
            .getConstructor().newInstance();
        Map<String, String> config = JSON.convertValue(example.get("config"), Map.class);
        try {
            if (plugin instanceof Predicate) {
                ((Predicate<?>) plugin).configure(config);
            } else {
                ((Transformation<?>) plugin).configure(config);
            }
        } catch (Exception e) {
            return "CONFIG " + e.getClass().getSimpleName() + ": " + e.getMessage();
        }
        ConnectRecord<?> record = record(example);
        try {
            if (plugin instanceof Predicate) {
                return String.valueOf(test(plugin, record));
            }
            return shown(apply(plugin, record));
        } catch (Exception e) {
            return "ERR " + e.getClass().getSimpleName() + ": " + e.getMessage();
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static ConnectRecord<?> apply(Object transformation, ConnectRecord<?> record) {
        return ((Transformation) transformation).apply(record);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static boolean test(Object predicate, ConnectRecord<?> record) {
        return ((Predicate) predicate).test(record);
    }

    private static ConnectRecord<?> record(JsonNode example) {
        SchemaAndValue key = data(example.get("key"));
        SchemaAndValue value = data(example.get("value"));
        String topic = example.path("topic").asText("t");
        Integer partition = example.hasNonNull("partition") ? example.get("partition").asInt() : null;
        Long timestamp = example.hasNonNull("timestamp") ? example.get("timestamp").asLong() : null;
        ConnectHeaders headers = new ConnectHeaders();
        for (JsonNode header : example.path("headers")) {
            headers.add(header.get(0).asText(), data(header.get(1)));
        }
        if (example.path("source").asBoolean(false)) {
            return new SourceRecord(Map.of("s", 1), Map.of("o", 2), topic, partition, key.schema(),
                key.value(), value.schema(), value.value(), timestamp, headers);
        }
        return new SinkRecord(topic, partition == null ? 0 : partition, key.schema(), key.value(),
            value.schema(), value.value(), example.path("offset").asLong(7), timestamp,
            TimestampType.CREATE_TIME, headers);
    }

    private static SchemaAndValue data(JsonNode node) {
        if (node == null || node.isNull()) {
            return SchemaAndValue.NULL;
        }
        Schema schema = node.has("schema") ? schema(node.get("schema")) : null;
        return new SchemaAndValue(schema, value(node.get("value"), schema));
    }

    private static Schema schema(JsonNode node) {
        if (node.isTextual()) {
            return short_(node.asText());
        }
        SchemaBuilder builder = builder(node);
        if (node.path("optional").asBoolean(false)) {
            builder.optional();
        }
        if (node.has("name")) {
            builder.name(node.get("name").asText());
        }
        if (node.has("version")) {
            builder.version(node.get("version").asInt());
        }
        if (node.has("doc")) {
            builder.doc(node.get("doc").asText());
        }
        for (Iterator<String> names = node.path("parameters").fieldNames(); names.hasNext();) {
            String name = names.next();
            builder.parameter(name, node.get("parameters").get(name).asText());
        }
        for (JsonNode field : node.path("fields")) {
            builder.field(field.get(0).asText(), schema(field.get(1)));
        }
        if (node.has("default")) {
            builder.defaultValue(value(node.get("default"), builder));
        }
        return builder.build();
    }

    private static SchemaBuilder builder(JsonNode node) {
        String type = node.get("type").asText();
        switch (type) {
            case "array": return SchemaBuilder.array(schema(node.get("items")));
            case "map": return SchemaBuilder.map(schema(node.get("keys")), schema(node.get("items")));
            case "Date": return Date.builder();
            case "Time": return Time.builder();
            case "Timestamp": return Timestamp.builder();
            default: return new SchemaBuilder(Schema.Type.valueOf(type.toUpperCase()));
        }
    }

    private static Schema short_(String text) {
        boolean optional = text.endsWith("?");
        String name = optional ? text.substring(0, text.length() - 1) : text;
        SchemaBuilder builder = name.startsWith("Decimal:")
            ? Decimal.builder(Integer.parseInt(name.substring(8)))
            : builder(JSON.createObjectNode().put("type", name));
        return optional ? builder.optional().build() : builder.build();
    }

    private static Object value(JsonNode node, Schema schema) {
        if (node == null || node.isNull()) {
            return null;
        }
        if (schema == null) {
            return plain(node);
        }
        String name = schema.name() == null ? "" : schema.name();
        switch (name) {
            case Decimal.LOGICAL_NAME: return new BigDecimal(node.asText());
            case Date.LOGICAL_NAME:
            case Time.LOGICAL_NAME:
            case Timestamp.LOGICAL_NAME: return new java.util.Date(node.asLong());
            default: break;
        }
        switch (schema.type()) {
            case INT8: return (byte) node.asInt();
            case INT16: return (short) node.asInt();
            case INT32: return node.asInt();
            case INT64: return node.asLong();
            case FLOAT32: return node.isTextual() ? Float.parseFloat(node.asText()) : (float) node.asDouble();
            case FLOAT64: return node.isTextual() ? Double.parseDouble(node.asText()) : node.asDouble();
            case BOOLEAN: return node.asBoolean();
            case STRING: return node.asText();
            case BYTES: return HexFormat.of().parseHex(node.asText());
            case ARRAY: {
                List<Object> items = new ArrayList<>();
                node.forEach(item -> items.add(value(item, schema.valueSchema())));
                return items;
            }
            case MAP: {
                Map<Object, Object> map = new LinkedHashMap<>();
                node.forEach(pair -> map.put(value(pair.get(0), schema.keySchema()),
                    value(pair.get(1), schema.valueSchema())));
                return map;
            }
            default: {
                Struct struct = new Struct(schema);
                node.fieldNames().forEachRemaining(
                    field -> struct.put(field, value(node.get(field), schema.field(field).schema())));
                return struct;
            }
        }
    }

    private static Object plain(JsonNode node) {
        if (node.isTextual()) {
            return node.asText();
        } else if (node.isBoolean()) {
            return node.asBoolean();
        } else if (node.isIntegralNumber()) {
            return node.asLong();
        } else if (node.isNumber()) {
            return node.asDouble();
        } else if (node.isArray()) {
            List<Object> items = new ArrayList<>();
            node.forEach(item -> items.add(value(item, null)));
            return items;
        }
        String first = node.isEmpty() ? "" : node.fieldNames().next();
        switch (first) {
            case "$date": return new java.util.Date(node.get(first).asLong());
            case "$bytes": return HexFormat.of().parseHex(node.get(first).asText());
            case "$decimal": return new BigDecimal(node.get(first).asText());
            case "$double": return Double.parseDouble(node.get(first).asText());
            case "$data": return data(node.get(first)).value();
            default: break;
        }
        Map<String, Object> map = new HashMap<>();
        node.fieldNames().forEachRemaining(name -> map.put(name, value(node.get(name), null)));
        return map;
    }

    private static String shown(ConnectRecord<?> record) {
        if (record == null) {
            return "DROPPED";
        }
        List<String> headers = new ArrayList<>();
        for (Header header : record.headers()) {
            headers.add(header.key() + "=" + shown(header.schema(), header.value()));
        }
        return record.topic() + " " + record.kafkaPartition() + " " + record.timestamp()
            + " key=" + shown(record.keySchema(), record.key())
            + " value=" + shown(record.valueSchema(), record.value())
            + " headers=" + headers;
    }

    private static String shown(Schema schema, Object value) {
        return shownSchema(schema) + " " + shownValue(value, schema);
    }

    private static String shownValue(Object value, Schema schema) {
        if (value == null) {
            return "null";
        } else if (value instanceof Boolean) {
            return "Boolean:" + value;
        } else if (value instanceof Float && schema == null) {
            return "Double:" + value;
        } else if (value instanceof BigDecimal) {
            return "BigDecimal:" + value;
        } else if (value instanceof Float || value instanceof Double) {
            return value.getClass().getSimpleName() + ":" + value;
        } else if (value instanceof Number) {
            return (schema == null ? "Long" : value.getClass().getSimpleName()) + ":" + value;
        } else if (value instanceof String) {
            return quoted((String) value);
        } else if (value instanceof byte[]) {
            return "0x" + HexFormat.of().formatHex((byte[]) value);
        } else if (value instanceof ByteBuffer) {
            return "0x" + HexFormat.of().formatHex(((ByteBuffer) value).array());
        } else if (value instanceof java.util.Date) {
            return "Date:" + ((java.util.Date) value).getTime();
        }
        return shownContainer(value, schema);
    }

    private static String shownContainer(Object value, Schema schema) {
        if (value instanceof Struct) {
            Struct struct = (Struct) value;
            StringBuilder text = new StringBuilder("S{");
            for (Field field : struct.schema().fields()) {
                text.append(field.name()).append("=")
                    .append(shownValue(struct.getWithoutDefault(field.name()), field.schema()))
                    .append(",");
            }
            return text.append("}").toString();
        }
        Schema keys = schema == null || schema.type() != Schema.Type.MAP ? null : schema.keySchema();
        Schema members = schema == null ? null : schema.valueSchema();
        if (value instanceof Map) {
            Map<String, String> sorted = new TreeMap<>();
            ((Map<?, ?>) value).forEach((key, member) ->
                sorted.put(shownValue(key, keys), shownValue(member, members)));
            return sorted.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue())
                .collect(Collectors.joining(", ", "{", "}"));
        }
        return ((List<?>) value).stream().map(item -> shownValue(item, members))
            .collect(Collectors.joining(", ", "[", "]"));
    }

    private static String shownSchema(Schema schema) {
        if (schema == null) {
            return "-";
        }
        StringBuilder text = new StringBuilder(schema.type().name().toLowerCase());
        if (schema.type() == Schema.Type.ARRAY) {
            text.append("<").append(shownSchema(schema.valueSchema())).append(">");
        } else if (schema.type() == Schema.Type.MAP) {
            text.append("<").append(shownSchema(schema.keySchema())).append(",")
                .append(shownSchema(schema.valueSchema())).append(">");
        } else if (schema.type() == Schema.Type.STRUCT) {
            text.append("{");
            schema.fields().forEach(
                f -> text.append(f.name()).append(":").append(shownSchema(f.schema())).append(","));
            text.append("}");
        }
        text.append(schema.isOptional() ? "?" : "");
        text.append(schema.name() == null ? "" : "@" + schema.name());
        text.append(schema.version() == null ? "" : "#" + schema.version());
        text.append(schema.doc() == null ? "" : "doc=" + schema.doc());
        if (schema.parameters() != null && !schema.parameters().isEmpty()) {
            text.append(new TreeMap<>(schema.parameters()));
        }
        Object fallback = schema.defaultValue();
        return text.append(fallback == null ? "" : "=" + shownValue(fallback, schema)).toString();
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                quoted.append('\\').append(c);
            } else {
                quoted.append(c >= 32 && c <= 126 ? String.valueOf(c) : String.format("\\u%04x", (int) c));
            }
        }
        return quoted.append('"').toString();
    }
}
