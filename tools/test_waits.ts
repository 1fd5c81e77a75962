/**
 * Checks that tests wait for facts that stay, not for a state that may be over already.
 *
 * @module
 */
import { join } from "node:path";
import { report, ROOT, sourceFiles } from "./repo.ts";
import { passingWaits } from "./test_wait_rules.ts";

const files = sourceFiles().filter((file) => /_test\.ts$|^tests\//.test(file));
const own = "tools/test_wait_rules_test.ts";

report(
  files.filter((file) => file !== own).flatMap((file) =>
    passingWaits(Deno.readTextFileSync(join(ROOT, file))).map(({ line, condition }) =>
      `${file}:${line}: ${condition} may pass unseen: wait for an event, a count that only grows, ` +
      "or a job that the test ends itself (tests/support/counting_job.ts)"
    )
  ),
  `${files.length} files with tests`,
);
