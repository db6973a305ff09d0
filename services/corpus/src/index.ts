export * from "./artifacts/check-graph.ts";
export * from "./artifacts/schemas.ts";
export * from "./digest/build-digest.ts";
export * from "./digest/cluster.ts";
export {
  composeDigest,
  type DigestEpisode,
  type DigestInsight,
  type DigestItem,
  type DigestMaterial,
  DigestPreferences,
  key as digestItemKey,
  TenantDigest,
  tenantDigestText,
} from "./digest/tenant-digest.ts";
export * from "./exchange/import-peer.ts";
export * from "./exchange/opml.ts";
export * from "./exchange/rows.ts";
export * from "./keys.ts";
export * from "./layout.ts";
export { faissAvailable } from "./search/faiss-store.ts";
export * from "./search/generation.ts";
export type { SearchFilters } from "./search/index-database.ts";
export * from "./search/search.ts";
export * from "./search/vector-store.ts";
export * from "./store.ts";
export * from "./text.ts";
export * from "./vectors.ts";
