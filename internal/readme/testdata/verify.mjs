// Judges requests with the page's example: one in a line, all but the clock in base64.
import { createInterface } from "node:readline";
import { verify } from "./receiver.mjs";

for await (const line of createInterface({ input: process.stdin })) {
  const [now, ...words] = line.split(" ");
  const raw = words.map((word) => Buffer.from(word, "base64"));
  // A byte is a character, as node:http has headers.
  const [id, timestamp, signatures, , ...secrets] = raw.map((text) => text.toString("latin1"));
  let answer;
  try {
    answer = verify(secrets, id, timestamp, signatures, raw[3], Number(now));
  } catch (error) {
    console.error(error);
    answer = "error";
  }
  console.log(String(answer));
}
