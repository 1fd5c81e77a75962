import { runClient } from "../conformance/run_clients.ts";
import { withModels } from "../conformance/stack.ts";

Deno.test("the official OpenAI client works unchanged", async () => {
  await withModels((url) => runClient("openai", url));
});
