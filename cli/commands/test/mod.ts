import type { Command, Group, Option } from "../../command.ts";
import type { Suite } from "../../checkout/suites.ts";
import { smoke } from "./smoke.ts";

const OPTIONS: readonly Option[] = [
  { flags: "--filter <text>", summary: "Only tests whose name has this text, or matches /this/" },
  { flags: "--watch", summary: "Run again whenever a file changes" },
];

/** `llorch test unit|integration|…` */
function suite(name: Suite, summary: string): Command {
  return {
    kind: "command",
    name,
    summary,
    options: OPTIONS,
    examples: [
      { line: `test ${name}`, summary: "Run them" },
      { line: `test ${name} --filter cancel`, summary: "Those about cancelling" },
    ],
    async load() {
      const { suiteOf } = await import("../../checkout/suites.ts");
      return suiteOf(name);
    },
  };
}

/** `llorch test` */
export const test: Group = {
  kind: "group",
  name: "test",
  summary: "Run the tests of the checkout, or try a running stack",
  members: [
    suite("unit", "Tests beside the code"),
    suite("integration", "Tests across processes, and of the wire contract"),
    smoke,
    suite("e2e", "Tests of the whole stack as a user sees it"),
    suite("all", "Every test"),
  ],
};
