import assert from "node:assert/strict";
import { declaredLicence, licenceOf } from "./licence_texts.ts";

Deno.test("declaredLicence() gives the whole text, with who made the package", () => {
  const text = declaredLicence("@deno/linux-x64-glibc", "MIT", "Somebody");
  assert.match(text, /^MIT License\n\nCopyright \(c\) 2018-2026 the Deno authors\n/);
  assert.match(text, /THE SOFTWARE IS PROVIDED "AS IS"/);
  assert.match(declaredLicence("a", "MIT", "Ada"), /Copyright \(c\) Ada\n/);
  assert.match(declaredLicence("a", "MIT", undefined), /Copyright \(c\) the authors of a\n/);
});

Deno.test("declaredLicence() refuses a licence that no text is known of", () => {
  assert.throws(() => declaredLicence("a", "WTFPL", "Ada"), /a carries no licence file.*"WTFPL"/);
});

Deno.test("licenceOf() names a library in a package that has another licence", () => {
  const { licence, licenceText } = licenceOf("mpg123-decoder", "MIT", "Ada", []);
  assert.equal(licence, "MIT AND LGPL-2.1-only");
  assert.match(licenceText, /^MIT License[^]*Copyright \(c\) Ada\n[^]*libmpg123[^]*LESSER GENERAL/);
  assert.equal(licenceOf("@wasm-audio-decoders/common", undefined, "Ada", []).licence, "MIT");
  assert.deepEqual(licenceOf("a", "MIT", "Ada", ["one", "two"]), {
    licence: "MIT",
    licenceText: "one\n\ntwo",
  });
});
