import assert from "node:assert/strict";
import { declaredLicence } from "./licence_texts.ts";

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
