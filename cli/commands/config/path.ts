import { EXIT } from "#shared/defaults.ts";
import type { Invocation } from "../../command.ts";
import { configPath } from "../../config/path.ts";
import type { Context } from "../../context.ts";

/** `llorch config path`: in a module of its own, so that it loads no code that reads the file. */
export function path(_: Invocation<unknown>, { stdout, env }: Context): Promise<number> {
  stdout.write(configPath(env) + "\n");
  return Promise.resolve(EXIT.ok);
}
