/** Writes .env.example from the table of settings; a test compares the two. */
import { join } from "node:path";
import { envExample, writeFileAtomic } from "../services/base/src/index.ts";

await writeFileAtomic(join(import.meta.dirname, "..", ".env.example"), envExample());
