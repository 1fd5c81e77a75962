import { mib, type StepContext } from "../finding.ts";
import { testModels } from "../test_models.ts";

/** Makes the models, beside the build. */
export async function work(context: StepContext): Promise<void> {
  for (const [name, path] of Object.entries(testModels(context))) {
    const { size } = await Deno.stat(path);
    context.report({ name, value: mib(size), figures: { size } });
  }
}
