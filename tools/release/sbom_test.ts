import { Version } from "@cyclonedx/cyclonedx-library/Spec";
import { JsonStrictValidator } from "@cyclonedx/cyclonedx-library/Validation";
import assert from "node:assert/strict";
import { HASHES } from "../../daemons/worker/engine/libllama/c/hashes.ts";
import { readCommit } from "../build/source.ts";
import { TARGETS } from "../build/targets.ts";
import { writeSbom } from "./sbom.ts";

Deno.test("the bill of materials is valid and names llama.cpp, and each licence has its text where it belongs", async () => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const { sbom, licences, licencesOf } = await writeSbom(
      TARGETS[0]!,
      ["cpu"],
      await readCommit(() => undefined),
      dir,
    );
    const text = await Deno.readTextFile(sbom);
    assert.equal(await new JsonStrictValidator(Version.v1dot6).validate(text), null);
    const { components } = JSON.parse(text);
    const native = components.find(({ group }: { group: string }) => group === "@node-llama-cpp");
    assert.equal(native.name, "linux-x64");
    const [llama] = native.components;
    assert.equal(llama.name, "llama.cpp");
    assert.match(llama.purl, /^pkg:github\/ggml-org\/llama\.cpp@v[\d.]+$/);
    type File = { name: string; hashes: { content: string }[] };
    const files = llama.components.map(({ name, hashes }: File) => [name, hashes[0]!.content]);
    assert.deepEqual(Object.fromEntries(files), HASHES["linux-x64"]);
    // Its own code is not in a worker.
    const names = components.map(({ name }: { name: string }) => name);
    assert.ok(!names.includes("node-llama-cpp"));
    const all = await Deno.readTextFile(licences);
    assert.match(all, /2018-2026 the Deno authors/);
    assert.match(all, /The ggml authors\nCopyright \(c\) 2024 Mozilla Foundation/);
    // libwebp's, which a package carries.
    assert.match(all, /Copyright \(c\) 2010, Google Inc/);
    assert.match(all, /^mpg123-decoder [\d.]+\nMIT AND LGPL-2\.1-only$/m);
    assert.equal(licencesOf("cpu"), all);
    assert.match(licencesOf(), /2018-2026 the Deno authors/);
    assert.doesNotMatch(licencesOf(), /node-llama-cpp|ggml/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
