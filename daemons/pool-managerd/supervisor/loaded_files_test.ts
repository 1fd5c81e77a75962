import assert from "node:assert/strict";
import { join } from "node:path";
import { LoadedFiles } from "./loaded_files.ts";

Deno.test("only a file that is overwritten in place is reported, not one that is deleted or replaced", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, "x.gguf");
    const files = new LoadedFiles();
    const load = async (id: string) => {
      await Deno.writeTextFile(path, "first");
      files.note(id, path);
    };
    await load("cut");
    assert.equal(files.overwritten("cut"), undefined);
    await Deno.truncate(path, 1);
    assert.equal(files.overwritten("cut"), path);

    await load("same size");
    await Deno.writeTextFile(path, "other");
    await Deno.utime(path, 1, 1);
    assert.equal(files.overwritten("same size"), path);

    await load("deleted");
    await Deno.remove(path);
    assert.equal(files.overwritten("deleted"), undefined);

    await load("replaced");
    const beside = join(dir, "new");
    await Deno.writeTextFile(beside, "a longer one");
    await Deno.rename(beside, path);
    assert.equal(files.overwritten("replaced"), undefined);

    files.keep(["replaced"]);
    assert.equal(files.overwritten("cut"), undefined);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
