/**
 * `deno task image [orchestrator|pool-manager|worker|all…] [--backend B] [--base oci:DIR[:REF]]
 * [--packages DIR|URL] [--target T] [--out DIR]`: writes images of containers as OCI layouts, without a
 * daemon. The same commit gives the same bytes.
 *
 * @module
 */
import { runMain } from "#shared/lifecycle.ts";
import { makeImages } from "./make.ts";
import { planImages } from "./plan.ts";

if (import.meta.main) {
  Deno.exit(
    await runMain("image", async () => {
      const plan = planImages(Deno.args, Deno.build.target, Deno.cwd());
      for (const { folder, digest } of await makeImages(plan, (line) => console.error(line))) {
        console.log(`${digest}  ${folder}`);
      }
      return 0;
    }),
  );
}
