export * from "./chain.ts";
export * from "./scheduler.ts";
