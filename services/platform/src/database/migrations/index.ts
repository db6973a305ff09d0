import type { Migration } from "kysely/migration";
import * as tenancy from "./0001-tenancy.ts";
import * as catalogue from "./0002-catalogue.ts";
import * as jobs from "./0003-jobs.ts";
import * as projection from "./0004-projection.ts";
import * as library from "./0005-library.ts";
import * as operations from "./0006-operations.ts";

/** All migrations, oldest first. Names only grow; a released one never changes. */
export const MIGRATIONS: Record<string, Migration> = {
  "0001-tenancy": tenancy,
  "0002-catalogue": catalogue,
  "0003-jobs": jobs,
  "0004-projection": projection,
  "0005-library": library,
  "0006-operations": operations,
};
