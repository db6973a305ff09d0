import { EXIT, VERSION } from "@podcast/base";
import { Command, CommanderError } from "commander";
import { COMMANDS } from "./commands/index.ts";
import { report } from "./context.ts";

const program = new Command("podcast")
  .description("Turns podcasts into transcripts, summaries, grounded insights, a knowledge graph and search.")
  .version(VERSION)
  .exitOverride()
  .showHelpAfterError("(--help shows what there is)")
  .addHelpText(
    "after",
    `
Examples:
  podcast run https://example.com/feed.xml --max-episodes 3
  podcast search "trail drainage" --feed trails
  podcast digest --since 7d
  podcast doctor`,
  );
for (const command of COMMANDS) program.addCommand(command().exitOverride().copyInheritedSettings(program));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  else process.exitCode = report(error, process.argv.includes("--json"));
}
