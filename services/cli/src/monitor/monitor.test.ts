import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { captureFlameGraph } from "./flame-graph.ts";
import { TreeSampler, treeOf } from "./process-tree.ts";
import { StageTally } from "./stage-tally.ts";

const cpuSeconds = (pid: number) => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const field = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(field[11]) + Number(field[12])) / 100;
};

describe("TreeSampler", () => {
  it("measures a process that burns CPU within a tenth of /proc", async () => {
    const child = spawn(process.execPath, ["-e", "for(;;);"], { stdio: "ignore" });
    const pid = child.pid as number;
    const sampler = new TreeSampler(pid, 0);
    sampler.sample();
    const [from, at] = [cpuSeconds(pid), performance.now()];
    await sleep(2000);
    const sample = sampler.sample();
    const truth = ((cpuSeconds(pid) - from) / ((performance.now() - at) / 1000)) * 100;
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(sample?.cpuPercent).toBeGreaterThan(truth * 0.9);
    expect(sample?.cpuPercent).toBeLessThan(truth * 1.1);
    expect(sample?.rssBytes).toBeGreaterThan(10e6);
    expect(sampler.sample()).toBeUndefined();
  });

  it("counts children and leaves out the monitor itself", () => {
    const list = [1, 2, 3, 4].map((pid) => ({ pid, parent: pid - 1, rssBytes: 1, cpuSeconds: 0 }));
    expect(treeOf(2, list, 4).map((one) => one.pid)).toEqual([2, 3]);
  });
});

it("sums up stages and says how the run ended", () => {
  const tally = new StageTally();
  for (let i = 0; i < 5; i++)
    tally.add(
      i < 3 ? "transcription" : "summarization",
      { rssBytes: 2 ** 20 * (i + 1), cpuPercent: 100, processes: 1 },
      i * 500,
    );
  const text = tally.summary(3);
  expect(text).toContain("exit code 3");
  expect(text).toMatch(/transcription +1\.0 s +CPU +100 % +peak RSS +3 MiB/);
});

it("draws where the time goes", async () => {
  let on = true;
  const spin = async () => {
    while (on) {
      burnForTheTest();
      await sleep(0);
    }
  };
  const spinning = spin();
  const svg = await captureFlameGraph(300);
  on = false;
  await spinning;
  expect(svg).toMatch(/^<svg .*<\/svg>\n$/s);
  expect(svg).toMatch(/burnForTheTest|spin/);
});

function burnForTheTest(): number {
  let sum = 0;
  for (let i = 0; i < 2e6; i++) sum += Math.sqrt(i);
  return sum;
}
