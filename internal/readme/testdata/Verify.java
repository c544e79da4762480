import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;

/** Judges requests with the page's example: one in a line, all but the clock in base64. */
class Verify {
    public static void main(String[] args) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line; (line = in.readLine()) != null; ) {
            var words = line.split(" ", -1);
            var texts = new ArrayList<String>(); // a byte is a character, as servlets read headers
            for (int i = 1; i < words.length; i++) {
                texts.add(new String(Base64.getDecoder().decode(words[i]), StandardCharsets.ISO_8859_1));
            }
            var body = texts.get(3).getBytes(StandardCharsets.ISO_8859_1);
            var now = Instant.ofEpochSecond(Long.parseLong(words[0]));
            String answer;
            try {
                answer = "" + Receiver.verify(texts.subList(4, texts.size()), texts.get(0), texts.get(1), texts.get(2), body, now);
            } catch (Exception e) {
                System.err.println(e);
                answer = "error";
            }
            System.out.println(answer);
        }
    }
}
