/**
 * Checks that tasks with a shared helper are not done by hand elsewhere.
 *
 * @module
 */
import { join } from "node:path";
import { secondPlaces } from "./one_place_rules.ts";
import { isTestCode } from "./parts.ts";
import { report, ROOT, sourceFiles } from "./repo.ts";

const files = sourceFiles().filter((file) => !isTestCode(file));

report(
  files.flatMap((file) => secondPlaces(file, Deno.readTextFileSync(join(ROOT, file)))),
  `${files.length} production files`,
);
