import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { withService } from "../support/service.ts";
import { ROOT } from "../support/stack.ts";

const EXAMPLES = join(ROOT, "examples");

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  // The examples expect deno on PATH.
  const path = `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`;
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", PATH: path, ...env },
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

function script(
  name: string,
  permissions: readonly string[],
  args: readonly string[],
  url: string,
) {
  return run(
    Deno.execPath(),
    ["run", "--quiet", "--no-prompt", ...permissions, join(EXAMPLES, name), ...args],
    { LLORCH_URL: url },
  );
}

Deno.test("the examples do what they describe", async (t) => {
  await withService(join(ROOT, "catalog/demo"), async ({ orchestratord: { url }, client, dir }) => {
    await t.step("OpenAI's client", async () => {
      const config = `--config=${join(EXAMPLES, "openai-client/deno.json")}`;
      const { code, out, err } = await script(
        "openai-client/main.ts",
        ["-N", "-E", config],
        [],
        url,
      );
      assert.equal(code, 0, err);
      assert.match(out, /3 4 5 6 7 8/);
    });

    await t.step("curl follows a job", async () => {
      const { code, out, err } = await run(join(EXAMPLES, "follow.sh"), [], { LLORCH_URL: url });
      assert.equal(code, 0, err);
      assert.match(out, /3 4 5 6 7 8/);
    });

    await t.step(
      "the curl example takes any prompt, and prints why a job was refused",
      async () => {
        const env = { LLORCH_URL: url };
        const { code, err } = await run(join(EXAMPLES, "follow.sh"), ['Say "a\\b"\nnow'], env);
        assert.equal(code, 0, err);
        const refused = await run(join(EXAMPLES, "follow.sh"), [], {
          ...env,
          LLORCH_MODEL: "nobody",
        });
        assert.equal(refused.code, 1);
        assert.match(refused.err, /MODEL_NOT_FOUND/);
      },
    );

    await t.step("a batch that is run twice submits no job twice", async () => {
      const file = join(dir, "prompts.txt");
      await Deno.writeTextFile(file, "Count from 1 to 4.\n\nWho are you?\nCount from 5 to 8.\n");
      const batch = async () => {
        const { code, out, err } = await script("batch.ts", ["-N", "-E", "-R"], [file], url);
        assert.equal(code, 0, err);
        return out.trim().split("\n").map((line) => JSON.parse(line)).sort((a, b) =>
          a.line - b.line
        );
      };
      const first = await batch();
      assert.deepEqual(first.map(({ line }) => line), [1, 3, 4]);
      assert.match(first[0].output, /1.*2.*3.*4/);
      assert.deepEqual(await batch(), first);
    });
    assert.equal(client.baseUrl, url);
  });

  await t.step("three hosts run on one machine, and one of them is stopped", async () => {
    const { code, out, err } = await run(join(EXAMPLES, "three-hosts.sh"), []);
    assert.equal(code, 0, out + err);
    for (const [index, first] of [1, 2, 3, 4, 2, 6].entries()) {
      const counted = `${first} ${first + 1} ${first + 2}`;
      assert.match(out, new RegExp(`^${index + 1}: +${counted}`, "m"));
    }
  });
});
