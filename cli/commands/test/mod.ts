import type { Suite } from "../../checkout/suites.ts";
import { type Command, command, type Group } from "../../command.ts";
import { flag, JSON_OPTION, text } from "../../options.ts";

const SUITE_OPTIONS = {
  filter: text("--filter <text>", "Only tests whose name contains this text, or matches /this/"),
  watch: flag("--watch", "Run again whenever a file changes"),
};

/** `llorch test unit|integration|…` */
function suite(name: Suite, summary: string): Command {
  return command({
    name,
    summary,
    options: SUITE_OPTIONS,
    examples: [
      { line: `test ${name}`, summary: "Run them" },
      { line: `test ${name} --filter cancel`, summary: "Those about cancelling" },
    ],
    load: async () => (await import("../../checkout/suites.ts")).suiteOf(name),
  });
}

/** `llorch test` */
export const test: Group = {
  kind: "group",
  name: "test",
  summary: "Run the tests of the checkout, or try a running stack",
  members: [
    suite("unit", "Tests beside the code"),
    suite("integration", "Tests across processes, and of the HTTP contract"),
    command({
      name: "smoke",
      summary: "Ask a running stack for a few tokens, and check its health, metrics and cancelling",
      options: {
        url: text("--url <url>", "Address of orchestratord (default: as configured)"),
        model: text("--model <model>", "Model to ask (default: one that is loaded)", {
          values: "models",
        }),
        json: JSON_OPTION,
      },
      examples: [
        { line: "test smoke", summary: "The stack of this machine" },
        { line: "test smoke --url http://gpu1:8080", summary: "Another one" },
      ],
      load: async () => (await import("./smoke.ts")).smoke,
    }),
    suite("e2e", "Tests of the whole stack as a user sees it"),
    suite("all", "Every test"),
  ],
};
