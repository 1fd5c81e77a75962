import assert from "node:assert/strict";
import { type ExecutableSearch, findExecutable } from "./executables.ts";

/** A machine with these files. */
function machine(
  files: readonly string[],
  env: Record<string, string> = {},
  standalone = true,
): ExecutableSearch {
  return {
    env: (name) => env[name],
    execPath: standalone ? "/opt/llorch/llorch" : "/usr/bin/deno",
    standalone,
    exists: (path) => files.includes(path),
  };
}

Deno.test("findExecutable() searches LLORCH_BIN_DIR first, then our own folder, then PATH", () => {
  const everywhere = ["/bin-dir/orchestratord", "/opt/llorch/orchestratord", "/p/orchestratord"];
  const env = { LLORCH_BIN_DIR: "/bin-dir", PATH: "/p" };
  const find = (files: string[], variables: Record<string, string>) =>
    findExecutable("orchestratord", [], machine(files, variables)).command;
  assert.equal(find(everywhere, env), "/bin-dir/orchestratord");
  assert.equal(find(everywhere.slice(1), env), "/opt/llorch/orchestratord");
  assert.equal(find(everywhere.slice(2), env), "/p/orchestratord");
});

Deno.test("findExecutable() prefers a variant in the same place", () => {
  const files = ["/opt/llorch/llorch-candled", "/opt/llorch/llorch-candled-cuda"];
  const find = (variants: string[]) =>
    findExecutable("llorch-candled", variants, machine(files)).command;
  assert.equal(find(["llorch-candled-cuda"]), "/opt/llorch/llorch-candled-cuda");
  assert.equal(find(["llorch-candled-metal"]), "/opt/llorch/llorch-candled");
});

Deno.test("findExecutable() runs the source of a checkout with our own deno", () => {
  const { command, args } = findExecutable("llorch-candled", [], {
    ...machine([], { PATH: "/p" }, false),
    exists: (path) => path.endsWith("/deno.json") || path === "/p/llorch-candled",
  });
  assert.equal(command, "/usr/bin/deno");
  assert.equal(args[0], "run");
  assert.ok(args.includes("-P=llorch-candled"));
  assert.match(args.at(-1) ?? "", /\/daemons\/worker\/main\.ts$/);
});

Deno.test("findExecutable() does not run from source if LLORCH_BIN_DIR is set", () => {
  const search = {
    ...machine([], { LLORCH_BIN_DIR: "/bin-dir" }, false),
    exists: (path: string) => path.endsWith("/deno.json"),
  };
  assert.throws(
    () => findExecutable("orchestratord", [], search),
    /looked in LLORCH_BIN_DIR \(\/bin/,
  );
});

Deno.test("findExecutable() names the places that it searched", () => {
  assert.throws(
    () => findExecutable("orchestratord", [], machine([])),
    /Cannot find the executable orchestratord: looked in LLORCH_BIN_DIR \(not set\)/,
  );
});
