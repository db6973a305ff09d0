/** Sends requests at an even pace and tells the parent how long they took. */
import { Pool } from "undici";

const [address = "", paths = "[]", seconds = "8", key = ""] = process.argv.slice(2);
const list = JSON.parse(paths) as string[];
const pool = new Pool(address, { connections: 50, pipelining: 1 });
const RATE = 200;
const times: number[] = [];
let failed = 0;
const all: Promise<void>[] = [];
const started = performance.now();
const total = Number(seconds) * RATE;
for (let sent = 0; sent < total; ) {
  const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * RATE));
  for (; sent < due; sent++) all.push(one(list[sent % list.length] as string));
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await Promise.all(all);
times.sort((a, b) => a - b);
const at = (share: number) => Math.round((times[Math.floor(times.length * share)] ?? 0) * 10) / 10;
process.send?.({ p50: at(0.5), p99: at(0.99), failed });
await pool.close();
process.disconnect?.();

async function one(path: string): Promise<void> {
  const begun = performance.now();
  const { statusCode, body } = await pool.request({ path, method: "GET", headers: { authorization: `Bearer ${key}` } });
  await body.dump();
  if (statusCode !== 200) failed++;
  times.push(performance.now() - begun);
}
