import { AppError, SETTINGS, type Setting, type SettingKey } from "@podcast/base";
import { sql } from "kysely";
import type { Db, Tx } from "../database/database.ts";

/** Settings changed while running, as the configuration's `settings` layer takes them. */
export async function readSettings(db: Db | Tx): Promise<Partial<Record<SettingKey, unknown>>> {
  const rows = await db.selectFrom("settings").select(["key", "value"]).execute();
  return Object.fromEntries(rows.filter((row) => row.key in SETTINGS).map((row) => [row.key, row.value]));
}

/**
 * Changes settings and keeps what they were. `undefined` takes one back. Throws CONFIG_INVALID, naming every mistake;
 * secrets are refused: they belong into the environment, not into a table.
 */
export async function changeSettings(
  db: Db,
  changes: Record<string, unknown>,
  by: string,
  correlationId?: string,
): Promise<void> {
  const problems: string[] = [];
  for (const [key, value] of Object.entries(changes)) {
    const setting = SETTINGS[key as SettingKey] as Setting | undefined;
    if (setting === undefined) problems.push(`${key}: no such setting`);
    else if (setting.secret)
      problems.push(`${key}: a secret is set in the environment (${setting.env} or ${setting.env}_FILE)`);
    else if (value !== null) {
      const result = setting.schema.safeParse(value);
      if (!result.success) problems.push(`${key}: ${result.error.issues.map((issue) => issue.message).join("; ")}`);
    }
  }
  if (problems.length > 0) throw new AppError("CONFIG_INVALID", problems.join("\n"));
  await db.transaction().execute(async (tx) => {
    for (const [key, value] of Object.entries(changes)) {
      const held = await tx.selectFrom("settings").selectAll().where("key", "=", key).forUpdate().executeTakeFirst();
      const version = (held?.version ?? 0) + 1;
      if (value === null) await tx.deleteFrom("settings").where("key", "=", key).execute();
      else
        await tx
          .insertInto("settings")
          .values({ key, value: JSON.stringify(value), version, updated_by: by })
          .onConflict((conflict) =>
            conflict
              .column("key")
              .doUpdateSet({ value: JSON.stringify(value), version, updated_by: by, updated_at: sql<Date>`now()` }),
          )
          .execute();
      await tx
        .insertInto("settings_history")
        .values({
          key,
          old_value: held === undefined ? null : JSON.stringify(held.value),
          new_value: value === null ? null : JSON.stringify(value),
          version,
          by,
          correlation_id: correlationId ?? null,
        })
        .execute();
    }
  });
}
