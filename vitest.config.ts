import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: "unit", include: ["services/*/src/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "services",
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/docker/**"],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
