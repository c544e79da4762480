// Calls the page's example as a shop would.
import { createRequire } from "node:module";
import { paid } from "./shop.mjs";

const pg = createRequire(process.cwd() + "/")("pg");
const [url, ...order] = process.argv.slice(2);
const db = new pg.Client({ connectionString: url });
await db.connect();
await paid(db, ...order);
await db.end();
