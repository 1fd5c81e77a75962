import assert from "node:assert/strict";
import { hashesOfRelease, paragraphs } from "./index_files.ts";
import { choose } from "./update.ts";
import { WANTED } from "./wanted.ts";

/** Entries of an index for both architectures, with the given version of dash. */
function candidates(dash: string, more = "") {
  const text = WANTED.flatMap(({ name }) =>
    ["amd64", "arm64"].map((architecture) =>
      [
        `Package: ${name}`,
        `Architecture: ${architecture}`,
        `Version: ${name === "dash" ? dash : "1.0-1"}`,
        `Depends: libc6 (>= 2.38)${name === "dash" ? more : ""}`,
        `Filename: pool/${name}_${architecture}.deb`,
        "Size: 7",
        `SHA256: ${"0".repeat(64)}`,
      ].join("\n")
    )
  ).join("\n\n");
  return [...paragraphs(text)].map((fields) => ({ archive: "debian", fields }));
}

Deno.test("choose() takes the newest version of all archives", () => {
  const security = candidates("1.0-1+deb13u1").map((each) => ({
    ...each,
    archive: "debian-security",
  }));
  const pins = choose([...candidates("1.0-1"), ...security, ...candidates("0.9-1")]);
  assert.equal(pins.length, 2 * WANTED.length);
  const dash = pins.find(({ name }) => name === "dash")!;
  assert.deepEqual([dash.version, dash.archive], ["1.0-1+deb13u1", "debian-security"]);
});

Deno.test("choose() refuses a package with a dependency that nobody has thought of", () => {
  assert.doesNotThrow(() => choose(candidates("1", ", debianutils (>= 5), libxyz1 | libc6")));
  assert.throws(
    () => choose(candidates("1", ", libxyz1 | libxyz2")),
    /Cannot pin dash: it depends on libxyz1 or libxyz2; add it in .*wanted\.ts/,
  );
  assert.throws(() => choose([]), /Cannot find base-files for amd64/);
});

Deno.test("hashesOfRelease() reads the list of a Release file", () => {
  const [release] = [...paragraphs("Date: x\nSHA256:\n aa 12 main/a\n bb  3 main/b\nOther: y\n")];
  assert.deepEqual([...hashesOfRelease(release!)], [["main/a", "aa"], ["main/b", "bb"]]);
});
