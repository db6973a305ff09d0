import adapter from "@sveltejs/adapter-static";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";

const api = process.env.CONSOLE_API ?? "http://127.0.0.1:8100";

export default defineConfig({
  plugins: [
    sveltekit({
      adapter: adapter({ fallback: "index.html", precompress: true }),
      compilerOptions: { runes: true },
    }),
  ],
  // `npm run console:dev` beside a running box.
  server: { proxy: { "/api": api, "/docs": api, "/openapi.json": api } },
  build: { target: "es2023" },
});
