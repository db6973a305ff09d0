import { AppError } from "@podcast/base";
import { createKey, Database, databaseUrl, type Role } from "@podcast/platform";
import { Command, Option } from "commander";
import { sql } from "kysely";
import { type CommonOptions, configFor, print, withCommon } from "../context.ts";

const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * Tenants: who shares the box. They are made here, on the host, and not over the network: no key of one tenant reaches
 * another.
 */
export function tenantsCommand(): Command {
  const command = new Command("tenants").description("People or teams that share the platform, apart from each other.");
  command.addCommand(
    withCommon(new Command("list").description("All tenants, and how many feeds each may read.")).action(
      (options: CommonOptions) =>
        withDatabases(options, async ({ system }) => {
          const { rows } = await sql<{ slug: string; name: string; subscriptions: number; entitlements: number }>`
            SELECT t.slug, t.name, (SELECT count(*)::int FROM subscriptions s WHERE s.tenant_id = t.id) AS subscriptions,
              (SELECT count(*)::int FROM entitlements e WHERE e.tenant_id = t.id) AS entitlements
            FROM tenants t ORDER BY t.created_at`.execute(system.db);
          print(
            options,
            { tenants: rows },
            rows
              .map((row) => `${row.slug}  ${row.name}  follows ${row.subscriptions}, may read ${row.entitlements} more`)
              .join("\n"),
          );
        }),
    ),
  );
  command.addCommand(
    withCommon(
      new Command("add")
        .description("Makes a tenant. Tokens that name it in their tenant claim reach it, and keys of its own.")
        .argument("<slug>", "short name: small letters, digits, dashes")
        .option("--name <name>", "name as people read it")
        .addHelpText(
          "after",
          "\nExample:\n  podcast tenants add anna --name Anna && podcast tenants key anna --role editor",
        ),
    ).action((slug: string, options: CommonOptions & { name?: string }) => {
      if (!SLUG.test(slug))
        throw new AppError("USAGE", `“${slug}” is no short name.`, { hint: "Small letters, digits and dashes." });
      return withDatabases(options, async ({ system }) => {
        const row = await system.db
          .insertInto("tenants")
          .values({ slug, name: options.name ?? slug })
          .onConflict((conflict) => conflict.column("slug").doNothing())
          .returning("slug")
          .executeTakeFirst();
        if (row === undefined) throw new AppError("REQUEST_CONFLICT", `There is a tenant “${slug}” already.`);
        print(options, { slug }, `Made. A key for it: podcast tenants key ${slug} --role editor`);
      });
    }),
  );
  command.addCommand(
    withCommon(
      new Command("key")
        .description("Makes an API key of a tenant; its text is shown this once.")
        .argument("<slug>", "the tenant")
        .option("--name <name>", "what it is for", "made on the host")
        .addOption(
          new Option("--role <role>", "what it may do").choices(["admin", "editor", "viewer"]).default("viewer"),
        ),
    ).action((slug: string, options: CommonOptions & { name: string; role: Role }) =>
      withDatabases(options, async ({ app, system }) => {
        const key = await createKey(app, await tenantOf(system, slug), { name: options.name, role: options.role });
        print(options, key, key.key);
      }),
    ),
  );
  command.addCommand(
    withCommon(
      new Command("entitle")
        .description("Lets a tenant read a feed that it does not follow.")
        .argument("<slug>", "the tenant")
        .argument("<feed>", "key of the feed")
        .option("--revoke", "takes the right back"),
    ).action((slug: string, feed: string, options: CommonOptions & { revoke?: boolean }) =>
      withDatabases(options, async ({ app, system }) => {
        const tenant = await tenantOf(system, slug);
        const known = await system.db.selectFrom("feeds").select("key").where("key", "=", feed).executeTakeFirst();
        if (known === undefined) throw new AppError("NOT_FOUND", `There is no feed “${feed}”.`);
        await app.asTenant<unknown>(tenant, (tx) =>
          options.revoke
            ? tx.deleteFrom("entitlements").where("feed_key", "=", feed).execute()
            : tx
                .insertInto("entitlements")
                .values({ tenant_id: tenant, feed_key: feed, granted_by: "host" })
                .onConflict((conflict) => conflict.doNothing())
                .execute(),
        );
        print(options, { slug, feed, entitled: !options.revoke }, options.revoke ? "Taken back." : "Granted.");
      }),
    ),
  );
  return command;
}

async function tenantOf(database: Database, slug: string): Promise<string> {
  const row = await database.db.selectFrom("tenants").select("id").where("slug", "=", slug).executeTakeFirst();
  if (row === undefined)
    throw new AppError("NOT_FOUND", `There is no tenant “${slug}”.`, { hint: "podcast tenants list shows them." });
  return row.id;
}

async function withDatabases(
  options: CommonOptions,
  work: (databases: { app: Database; system: Database }) => Promise<void>,
): Promise<void> {
  const url = databaseUrl(configFor(options).values);
  const app = Database.connect(url, "app", { max: 2, name: "tenants" });
  const system = Database.connect(url, "system", { max: 2, name: "tenants" });
  try {
    await work({ app, system });
  } finally {
    await Promise.all([app.close(), system.close()]);
  }
}
