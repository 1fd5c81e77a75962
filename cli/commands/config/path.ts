import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import { configPath } from "../../config/path.ts";
import type { Context } from "../../context.ts";

/** `llorch config path`: apart from the others, so that it need not load what reads the file. */
export function path(_: Invocation<unknown>, { stdout, env }: Context): Promise<number> {
  stdout.write(configPath(env) + "\n");
  return Promise.resolve(EXIT.ok);
}
