import { Session } from "node:inspector/promises";
import { setTimeout as sleep } from "node:timers/promises";

interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  children?: number[];
}
interface Profile {
  nodes: ProfileNode[];
  samples?: number[];
  timeDeltas?: number[];
}

/** Samples this process's JavaScript for `ms` and draws it. */
export async function captureFlameGraph(ms: number): Promise<string> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: 500 });
    await session.post("Profiler.start");
    await sleep(ms);
    const { profile } = await session.post("Profiler.stop");
    return drawFlameGraph(profile as Profile);
  } finally {
    session.disconnect();
  }
}

const WIDTH = 1200;
const ROW = 18;

/** A CPU profile as SVG: width is time, each row calls the row above. */
export function drawFlameGraph(profile: Profile): string {
  const self = new Map<number, number>();
  for (const [index, id] of (profile.samples ?? []).entries())
    self.set(id, (self.get(id) ?? 0) + (profile.timeDeltas?.[index] ?? 1));
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const totals = new Map<number, number>();
  const total = (id: number): number => {
    const known = totals.get(id);
    if (known !== undefined) return known;
    const sum = (self.get(id) ?? 0) + (byId.get(id)?.children ?? []).reduce((all, child) => all + total(child), 0);
    totals.set(id, sum);
    return sum;
  };
  const root = profile.nodes[0];
  const whole = root ? Math.max(1, total(root.id)) : 1;
  const boxes: string[] = [];
  let depth = 0;
  const draw = (id: number, x: number, level: number): void => {
    const node = byId.get(id);
    const width = (total(id) / whole) * WIDTH;
    if (node === undefined || width < 0.5) return;
    depth = Math.max(depth, level);
    const name = node.callFrame.functionName || "(anonymous)";
    const where = node.callFrame.url
      ? ` ${node.callFrame.url.split("/").slice(-2).join("/")}:${node.callFrame.lineNumber + 1}`
      : "";
    const title = escapeMarkup(`${name}${where} — ${(total(id) / 1000).toFixed(1)} ms`);
    const label =
      width > 40
        ? `<text x="${(x + 3).toFixed(1)}" y="${level * ROW + 13}">${escapeMarkup(name.slice(0, Math.floor(width / 7)))}</text>`
        : "";
    boxes.push(
      `<g><title>${title}</title><rect x="${x.toFixed(1)}" y="${level * ROW}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="hsl(${(20 + ((name.length * 37) % 35)).toFixed(0)} 80% 62%)"/>${label}</g>`,
    );
    let at = x;
    for (const child of node.children ?? []) {
      draw(child, at, level + 1);
      at += (total(child) / whole) * WIDTH;
    }
  };
  if (root) draw(root.id, 0, 0);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${(depth + 1) * ROW}" font-family="monospace" font-size="11">${boxes.join("")}</svg>\n`;
}

function escapeMarkup(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
