import { columns } from "#shared/columns.ts";
import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { examine } from "../../doctor/doctor.ts";
import type { Finding } from "../../doctor/finding.ts";
import { type Machine, systemMachine } from "../../doctor/machine.ts";
import { type Colour, type Paint, painter } from "../../output/paint.ts";

const COLOURS: Readonly<Record<Finding["status"], Colour>> = {
  ok: "green",
  warn: "yellow",
  fail: "red",
};

/**
 * `llorch dev doctor`
 *
 * @param machine Replaced in tests.
 * @returns 1 when a check fails, otherwise 0; warnings do not count
 */
export async function doctor(
  { options }: Invocation<{ json?: boolean }>,
  context: Context,
  machine: Machine = systemMachine(context),
): Promise<number> {
  const findings = await examine(machine);
  const isOk = findings.every(({ status }) => status !== "fail");
  context.stdout.write(
    options.json
      ? JSON.stringify({ ok: isOk, findings }) + "\n"
      : render(findings, painter(context.stdout, context), context.stdout.width),
  );
  return isOk ? EXIT.ok : EXIT.failed;
}

function render(findings: readonly Finding[], paint: Paint, width: number | undefined): string {
  const rows = findings.flatMap(({ status, name, message, fix }) => [
    [status, name, message],
    ...(fix === undefined ? [] : [["", "", `fix: ${fix}`]]),
  ]);
  const lines = columns(rows, { width }).map((line) => {
    const status = /^(ok|warn|fail)\b/.exec(line)?.[1] as Finding["status"] | undefined;
    if (status === undefined) return paint("dim", line);
    return paint(COLOURS[status], status) + line.slice(status.length);
  });
  return lines.join("\n") + "\n";
}
