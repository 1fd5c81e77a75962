import { Version } from "@cyclonedx/cyclonedx-library/Spec";
import { JsonStrictValidator } from "@cyclonedx/cyclonedx-library/Validation";
import assert from "node:assert/strict";
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
    const node = components.find(({ name }: { name: string }) => name === "node-llama-cpp");
    assert.equal(node.components[0].name, "llama.cpp");
    assert.match(node.components[0].purl, /^pkg:github\/ggml-org\/llama\.cpp@v[\d.]+$/);
    const all = await Deno.readTextFile(licences);
    assert.match(all, /2018-2026 the Deno authors/);
    assert.match(all, /The ggml authors/);
    assert.equal(licencesOf("cpu"), all);
    assert.match(licencesOf(), /2018-2026 the Deno authors/);
    assert.doesNotMatch(licencesOf(), /node-llama-cpp|ggml/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
