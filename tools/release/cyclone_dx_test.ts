import { Version } from "@cyclonedx/cyclonedx-library/Spec";
import { JsonStrictValidator } from "@cyclonedx/cyclonedx-library/Validation";
import assert from "node:assert/strict";
import { TARGETS } from "../build/targets.ts";
import { cycloneDx } from "./cyclone_dx.ts";

const COMMIT = { commit: "0123456789ab", date: "2026-01-02", epoch: 1_767_312_000 };

/** Of a file. */
const HASH = "0".repeat(64);

/** A bill of materials of one component, as text. */
const billOf = (licence: string | undefined) =>
  cycloneDx(
    [{
      name: "@a/b",
      version: "1.2.3",
      integrity: `sha512-${btoa("\0".repeat(64))}`,
      licence,
      licenceText: "",
      carries: { name: "c", version: "v4", purl: "pkg:github/c/c@v4", files: { "c.so": HASH } },
    }],
    TARGETS[0]!,
    COMMIT,
  );

Deno.test("cycloneDx() says what a component is, and what it carries", async () => {
  const text = billOf("MIT OR ISC");
  assert.equal(await new JsonStrictValidator(Version.v1dot6).validate(text), null);
  const { metadata, components } = JSON.parse(text);
  assert.equal(metadata.timestamp, "2026-01-02T00:00:00.000Z");
  assert.deepEqual(components, [{
    type: "library",
    name: "b",
    group: "@a",
    version: "1.2.3",
    "bom-ref": "pkg:npm/%40a/b@1.2.3",
    hashes: [{ alg: "SHA-512", content: "0".repeat(128) }],
    licenses: [{ expression: "MIT OR ISC" }],
    purl: "pkg:npm/%40a/b@1.2.3",
    components: [{
      type: "library",
      name: "c",
      version: "v4",
      "bom-ref": "pkg:github/c/c@v4",
      licenses: [{ expression: "MIT" }],
      purl: "pkg:github/c/c@v4",
      components: [{
        type: "file",
        name: "c.so",
        "bom-ref": "pkg:github/c/c@v4#c.so",
        hashes: [{ alg: "SHA-256", content: HASH }],
      }],
    }],
  }]);
});

Deno.test("cycloneDx() gives the same content the same text, and another content another name", () => {
  const serialOf = (text: string) => JSON.parse(text).serialNumber;
  assert.equal(billOf("MIT"), billOf("MIT"));
  assert.match(
    serialOf(billOf("MIT")),
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-/,
  );
  assert.notEqual(serialOf(billOf("MIT")), serialOf(billOf(undefined)));
});
