import { join } from "node:path";
import { withHome } from "./llorch.ts";

/** A Deno project that looks like a checkout of llorch, with only the tasks that a test defines. */
export interface TinyCheckout {
  readonly dir: string;
  readonly env: Record<string, string>;
  write(file: string, text: string): Promise<void>;
}

/** Runs a test with a tiny checkout whose tasks run the scripts of the same name. */
export async function withTinyCheckout(
  tasks: readonly string[],
  test: (checkout: TinyCheckout) => Promise<void>,
): Promise<void> {
  await withHome(async (home, env) => {
    const dir = await Deno.realPath(home);
    const write = async (file: string, text: string) => {
      await Deno.mkdir(join(dir, file, ".."), { recursive: true });
      await Deno.writeTextFile(join(dir, file), text);
    };
    const command = (name: string) => [name, `deno run -q -A ${name}.ts`];
    await write(
      "deno.json",
      JSON.stringify({
        tasks: Object.fromEntries(tasks.map(command)),
        permissions: { local: { all: true } },
      }),
    );
    await write("cli/main.ts", "");
    await test({ dir, env, write });
  });
}

/** A script that prints its arguments. */
export const SHOW_ARGUMENTS = "console.log(JSON.stringify(Deno.args));\n";
