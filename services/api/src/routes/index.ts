import type { RouteGroup } from "../context.ts";
import { accessRoutes } from "./admin/access.ts";
import { configRoutes } from "./admin/config.ts";
import { jobRoutes } from "./admin/jobs.ts";
import { logRoutes } from "./admin/logs.ts";
import { modelRoutes } from "./admin/models.ts";
import { queueRoutes } from "./admin/queues.ts";
import { digestRoutes } from "./digest.ts";
import { eventRoutes } from "./events.ts";
import { healthRoutes } from "./health.ts";
import { libraryRoutes } from "./library.ts";
import { overlayRoutes } from "./overlays.ts";
import { platformRoutes } from "./platform.ts";
import { searchRoutes } from "./search.ts";
import { sessionRoutes } from "./session.ts";

/** Routes that a folder of files can answer. */
export const LIBRARY_ROUTES: readonly RouteGroup[] = [
  healthRoutes,
  sessionRoutes,
  libraryRoutes,
  searchRoutes,
  eventRoutes,
];
/** Routes that need the database. */
export const PLATFORM_ROUTES: readonly RouteGroup[] = [
  platformRoutes,
  overlayRoutes,
  digestRoutes,
  queueRoutes,
  jobRoutes,
  modelRoutes,
  configRoutes,
  logRoutes,
  accessRoutes,
];
