import assert from "node:assert/strict";
import { notesOf } from "./notes.ts";

const CHANGELOG = `# Changelog

## [Unreleased]

### Added

- More.

## [1.2.0] - 2026-11-24

### Fixed

- A thing, with a [link](https://example.org).

## [1.1.0] - 2026-11-01
`;

Deno.test("notesOf() takes what stands below a version's heading", () => {
  assert.deepEqual(notesOf(CHANGELOG, "1.2.0"), {
    heading: "1.2.0",
    text: "### Fixed\n\n- A thing, with a [link](https://example.org).",
  });
});

Deno.test("notesOf() takes the coming version's notes while it has no heading", () => {
  assert.equal(notesOf(CHANGELOG, "1.3.0")?.heading, "Unreleased");
});

Deno.test("notesOf() finds nothing where nothing is said", () => {
  assert.equal(notesOf("# Changelog\n\n## [Unreleased]\n", "1.0.0"), undefined);
});
