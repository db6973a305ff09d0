import { EXIT, SETTINGS, type SettingKey, showValue, toAppError } from "@podcast/base";
import Table from "cli-table3";
import { Command } from "commander";
import { type CommonOptions, configFor, print, withCommon } from "../context.ts";
import { CHECKS, type CheckResult } from "../doctor/checks.ts";

const MARK = { ok: "✓", warning: "!", failed: "✗" } as const;

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description(
      "Checks programs, models, disk, network and GPU, and names the command that repairs each. With --config: every setting and where it comes from.",
    )
    .addHelpText("after", "\nExamples:\n  podcast doctor\n  podcast doctor --config settings.yaml");
  // Here --config alone shows the settings that are in force; with a file, those with the file.
  withCommon(command);
  const option = command.options.find((one) => one.long === "--config");
  if (option) Object.assign(option, { required: false, optional: true });
  return command.action(async (options: Omit<CommonOptions, "config"> & { config?: string | true }) => {
    const { config: shown, ...rest } = options;
    const resolved = configFor({ ...rest, ...(typeof shown === "string" ? { config: shown } : {}) });
    if (shown !== undefined) {
      const rows = (Object.keys(SETTINGS) as SettingKey[]).map((key) => ({
        key,
        value: showValue(key, resolved.values[key]),
        source: resolved.sources[key],
        about: SETTINGS[key].about,
      }));
      const table = new Table({
        head: ["setting", "value", "from", "what"],
        style: { head: [], border: [] },
        colWidths: [28, 24, 13, 60],
        wordWrap: true,
      });
      for (const row of rows) table.push([row.key, row.value, row.source, row.about]);
      return print(rest, { settings: rows }, table.toString());
    }
    const results: CheckResult[] = [];
    for (const check of CHECKS) {
      results.push(
        await check(resolved.values).catch(
          (error): CheckResult => ({ name: "check", status: "failed", detail: toAppError(error).message }),
        ),
      );
    }
    print(
      rest,
      { checks: results },
      results
        .map(
          (one) =>
            `${MARK[one.status]} ${one.name.padEnd(13)} ${one.detail}${one.repair ? `\n                → ${one.repair}` : ""}`,
        )
        .join("\n"),
    );
    if (results.some((one) => one.status === "failed")) process.exitCode = EXIT.impossible;
  });
}
