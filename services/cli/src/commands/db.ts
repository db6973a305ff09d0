import { AppError, corpusDir, EXIT } from "@podcast/base";
import { Corpus } from "@podcast/corpus";
import { Database, databaseUrl, migrations, retryDead } from "@podcast/platform";
import { reproject } from "@podcast/worker";
import { Command } from "commander";
import { type CommonOptions, configFor, print, withCommon } from "../context.ts";
import { migrate } from "../serve/platform.ts";

export function dbCommand(): Command {
  const command = new Command("db").description("The platform's database: schema and projection.");
  command.addCommand(
    withCommon(new Command("upgrade").description("Brings the schema up to date.")).action(
      async (options: CommonOptions) => {
        const ran = await migrate(databaseUrl(configFor(options).values));
        print(options, { ran }, ran.length === 0 ? "The schema is up to date." : `Ran ${ran.join(", ")}.`);
      },
    ),
  );
  command.addCommand(
    withCommon(
      new Command("downgrade")
        .description("Goes back to a migration, or with none to an empty database.")
        .argument("<migration>", "name as in `podcast db status`, or none")
        .option("--yes", "really: rows of what is taken back are lost"),
    ).action(async (to: string, options: CommonOptions & { yes?: boolean }) => {
      if (!options.yes)
        throw new AppError("USAGE", "Going back loses the rows of what is taken back.", {
          hint: `podcast db downgrade ${to} --yes`,
        });
      const ran = await withOwner(options, (owner) => migrations.downgrade(owner, to));
      print(
        options,
        { reverted: ran },
        ran.length === 0 ? "There was nothing to take back." : `Took back ${ran.join(", ")}.`,
      );
    }),
  );
  command.addCommand(
    withCommon(new Command("status").description("Which migrations have run.")).action(
      async (options: CommonOptions) => {
        const list = await withOwner(options, (owner) => migrations.status(owner));
        const items = list.map((one) => ({ name: one.name, executed_at: one.executedAt?.toISOString() ?? null }));
        print(
          options,
          { migrations: items, current: items.every((one) => one.executed_at !== null) },
          items.map((one) => `${one.executed_at ? "done   " : "waiting"}  ${one.name}`).join("\n"),
        );
        process.exitCode = items.every((one) => one.executed_at !== null) ? EXIT.done : EXIT.failed;
      },
    ),
  );
  command.addCommand(
    withCommon(
      new Command("reproject").description("Rebuilds catalogue and projection from the files of the corpus."),
    ).action(async (options: CommonOptions) => {
      const config = configFor(options).values;
      const database = Database.connect(databaseUrl(config), "system", { max: 2, name: "reproject" });
      try {
        const result = await reproject(database, new Corpus(corpusDir(config)), (done, total) => {
          if (done % 50 === 0 && done > 0) process.stderr.write(`${done} of ${total}\n`);
        });
        print(
          options,
          result,
          `${result.episodes} episode(s) of ${result.feeds} feed(s); ${result.skipped.length} without a transcript.`,
        );
      } finally {
        await database.close();
      }
    }),
  );
  return command;
}

export function jobsCommand(): Command {
  const command = new Command("jobs").description("Jobs of the platform.");
  command.addCommand(
    withCommon(
      new Command("retry")
        .description("Gives dead letters another life: one job, those of a queue, or all.")
        .option("--job <id>", "one job")
        .option("--queue <name>", "all of a queue"),
    ).action(async (options: CommonOptions & { job?: string; queue?: string }) => {
      const database = Database.connect(databaseUrl(configFor(options).values), "system", { max: 2, name: "jobs" });
      try {
        const retried = await retryDead(database.db, {
          ...(options.job ? { jobId: options.job } : {}),
          ...(options.queue ? { queue: options.queue } : {}),
        });
        print(
          options,
          { retried },
          retried.length === 0 ? "There are no dead letters." : `${retried.length} job(s) wait again.`,
        );
      } finally {
        await database.close();
      }
    }),
  );
  return command;
}

async function withOwner<T>(options: CommonOptions, work: (owner: Database) => Promise<T>): Promise<T> {
  const owner = Database.connect(databaseUrl(configFor(options).values), "owner", { max: 2, name: "db" });
  try {
    return await work(owner);
  } finally {
    await owner.close();
  }
}
