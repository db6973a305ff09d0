/** A longer storm by hand: `npm run chaos -- [episodes] [seconds of kills] [seed]`. */
import { chaos } from "./chaos.ts";

const [episodes = 500, seconds = 120, seed = Date.now() % 100_000] = process.argv.slice(2).map(Number);
const say = (line: string) => process.stderr.write(`${line}\n`);
say(`${episodes} episodes, kills for ${seconds} s, seed ${seed}`);
const report = await chaos({ episodes, seed, killForMs: seconds * 1000, deadlineMs: (seconds + 600) * 1000, say });
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
process.exit(report.problems.length === 0 ? 0 : 1);
