/** What the sample shows say: written for this project, spoken by make-samples.ts. */

export interface SampleLine {
  who: string;
  text: string;
}

export interface SampleEpisode {
  file: string;
  title: string;
  description: string;
  guid: string;
  published: string;
  /** How the transcript is published; audio only when absent. */
  transcript?: "vtt" | "srt" | "json";
  people: { name: string; role: "host" | "guest" }[];
  lines: SampleLine[];
}

export interface SampleShow {
  folder: string;
  title: string;
  author: string;
  description: string;
  guid: string;
  category: string;
  /** Cover art as the formulas of its three colours (ffmpeg geq, 600 × 600, 0–255). */
  cover: { r: string; g: string; b: string };
  /** Synthesiser voice of each speaker. */
  voices: Record<string, string>;
  episodes: SampleEpisode[];
}

export const SHOWS: readonly SampleShow[] = [
  {
    folder: "slow-garden",
    title: "The Slow Garden",
    author: "Nora Finch",
    description: "Conversations about growing food at home without hurry, machines or chemistry.",
    guid: "0b0f2c50-5b3c-5c3b-9d5e-6f1f6f0c1a01",
    category: "Leisure",
    cover: {
      r: "if(gt(Y,470+40*sin(X/70+2)),46,if(gt(Y,375+50*sin(X/95)),112,if(lt(hypot(X-420,Y-190),85),226,245)))",
      g: "if(gt(Y,470+40*sin(X/70+2)),84,if(gt(Y,375+50*sin(X/95)),146,if(lt(hypot(X-420,Y-190),85),122,230)))",
      b: "if(gt(Y,470+40*sin(X/70+2)),58,if(gt(Y,375+50*sin(X/95)),84,if(lt(hypot(X-420,Y-190),85),62,200)))",
    },
    voices: { "Nora Finch": "slt", "Thomas Reed": "rms", Advert: "awb" },
    episodes: [
      {
        file: "feed-the-soil",
        title: "Feed the Soil, Not the Plant",
        description: "Nora talks with soil teacher Thomas Reed about compost, mulch and patience.",
        guid: "slow-garden-1",
        published: "2026-09-04T06:00:00Z",
        people: [
          { name: "Nora Finch", role: "host" },
          { name: "Thomas Reed", role: "guest" },
        ],
        lines: [
          {
            who: "Nora Finch",
            text: "Welcome to the Slow Garden. I'm Nora Finch, and my guest today is Thomas Reed, who teaches people about soil.",
          },
          { who: "Thomas Reed", text: "Thank you, Nora. I am happy to be here." },
          { who: "Nora Finch", text: "What do new gardeners get wrong about compost?" },
          {
            who: "Thomas Reed",
            text: "They feed the plant instead of the soil. Healthy soil holds water for days, so a deep layer of compost matters more than any bottle of fertilizer.",
          },
          {
            who: "Advert",
            text: "This episode is sponsored by Green Barrel. Green Barrel makes rain barrels for small gardens. Visit green barrel dot com.",
          },
          { who: "Nora Finch", text: "So where should somebody begin?" },
          {
            who: "Thomas Reed",
            text: "Start with mulch. Cover the bare ground with leaves in autumn, because bare soil loses its life in a single winter.",
          },
          { who: "Nora Finch", text: "Thomas, thank you. That is all for this week." },
        ],
      },
      {
        file: "water-less",
        title: "Water Less, Water Deeper",
        description: "Nora explains why a long drink once a week beats a daily sprinkle.",
        guid: "slow-garden-2",
        published: "2026-10-02T06:00:00Z",
        transcript: "vtt",
        people: [{ name: "Nora Finch", role: "host" }],
        lines: [
          { who: "Nora Finch", text: "Welcome to the Slow Garden. I'm Nora Finch, and today I talk about water." },
          { who: "Nora Finch", text: "A daily sprinkle keeps roots near the surface, where the sun dries them first." },
          {
            who: "Nora Finch",
            text: "Water once a week, slowly, until the ground is wet a hand deep. Deep roots find water that you never poured.",
          },
          { who: "Nora Finch", text: "Always water in the morning, because wet leaves at night invite mildew." },
          { who: "Nora Finch", text: "That is all for this week. Until next time." },
        ],
      },
    ],
  },
  {
    folder: "small-servers",
    title: "Small Servers",
    author: "Alan Brook",
    description: "Running useful computers at home, for people who would rather sleep at night.",
    guid: "7d1a4e0e-0f0b-5a67-8a3c-2b7f3d9c4b02",
    category: "Technology",
    cover: {
      r: "if(lt(hypot(X-140,Y-405),13),240,if(lt(hypot(X-140,Y-155),13)+lt(hypot(X-140,Y-280),13),124,if(between(X,90,510)*(between(Y,110,200)+between(Y,235,325)+between(Y,360,450)),54,22)))",
      g: "if(lt(hypot(X-140,Y-405),13),178,if(lt(hypot(X-140,Y-155),13)+lt(hypot(X-140,Y-280),13),214,if(between(X,90,510)*(between(Y,110,200)+between(Y,235,325)+between(Y,360,450)),74,33)))",
      b: "if(lt(hypot(X-140,Y-405),13),90,if(lt(hypot(X-140,Y-155),13)+lt(hypot(X-140,Y-280),13),150,if(between(X,90,510)*(between(Y,110,200)+between(Y,235,325)+between(Y,360,450)),112,56)))",
    },
    voices: { "Alan Brook": "rms", "Helen Marsh": "slt" },
    episodes: [
      {
        file: "backups",
        title: "A Backup Is a Restore You Have Tried",
        description: "Alan and storage engineer Helen Marsh on the only backup test that counts.",
        guid: "small-servers-1",
        published: "2026-08-20T06:00:00Z",
        people: [
          { name: "Alan Brook", role: "host" },
          { name: "Helen Marsh", role: "guest" },
        ],
        lines: [
          {
            who: "Alan Brook",
            text: "Welcome to Small Servers. I'm Alan Brook. Today I am joined by Helen Marsh, a storage engineer.",
          },
          { who: "Helen Marsh", text: "Thanks, Alan. Good to be here." },
          { who: "Alan Brook", text: "How do you know that a backup works?" },
          {
            who: "Helen Marsh",
            text: "You restore it. A backup that nobody has restored is only a hope. Once a month, take last night's copy and bring it up on another machine.",
          },
          { who: "Alan Brook", text: "And where should the copies live?" },
          {
            who: "Helen Marsh",
            text: "Keep one copy outside the house, because fire and thieves do not care about your disks. The cheapest disk in a friend's cupboard is better than a second disk in the same box.",
          },
          { who: "Alan Brook", text: "Helen, thanks for coming on. See you next time." },
        ],
      },
      {
        file: "one-change",
        title: "Change One Thing at a Time",
        description: "Helen Marsh returns to talk about upgrades that can be undone.",
        guid: "small-servers-2",
        published: "2026-09-17T06:00:00Z",
        transcript: "srt",
        people: [
          { name: "Alan Brook", role: "host" },
          { name: "Helen Marsh", role: "guest" },
        ],
        lines: [
          {
            who: "Alan Brook",
            text: "Welcome back to Small Servers. I'm Alan Brook, and Helen Marsh is with me again.",
          },
          { who: "Helen Marsh", text: "Thanks for having me." },
          { who: "Alan Brook", text: "What is your rule for upgrades?" },
          {
            who: "Helen Marsh",
            text: "Change one thing at a time and write down what it was. Most long outages are two small changes that nobody can tell apart.",
          },
          {
            who: "Helen Marsh",
            text: "Never upgrade without a way back. Keep the old version on the disk until the new one has run for a week.",
          },
          { who: "Alan Brook", text: "Helen, thank you. That is it for this episode." },
        ],
      },
      {
        file: "quiet-alerts",
        title: "Alerts You Can Act On",
        description: "Alan on why most alerts should be deleted.",
        guid: "small-servers-3",
        published: "2026-10-15T06:00:00Z",
        transcript: "json",
        people: [{ name: "Alan Brook", role: "host" }],
        lines: [
          { who: "Alan Brook", text: "Welcome back to Small Servers. I'm Alan Brook, and today I talk about alerts." },
          { who: "Alan Brook", text: "An alert that asks for no action teaches you to ignore the next one." },
          {
            who: "Alan Brook",
            text: "Delete every alert that you did not act on last month. What remains should name the first thing to do.",
          },
          { who: "Alan Brook", text: "Watch for what is missing as well. A backup that did not run sends no error." },
          { who: "Alan Brook", text: "That is it for this episode. See you next time." },
        ],
      },
    ],
  },
];
