import assert from "node:assert/strict";
import { buildMedia, compileOptions, linkOptions } from "./media.ts";

Deno.test("nothing of the machine that compiles is in libmtmd", () => {
  const options = compileOptions("/somewhere/llama.cpp");
  assert.ok(!options.some((each) => /march|native/.test(each)), options.join(" "));
  assert.ok(options.includes("-ffile-prefix-map=/somewhere/llama.cpp/="));
  assert.ok(linkOptions([]).includes("-Wl,--build-id=none"));
  assert.ok(linkOptions([]).includes("-Wl,--no-undefined"));
});

Deno.test("a build says why it has no libmtmd", async () => {
  const mac = { triple: "aarch64-apple-darwin", os: "darwin" } as const;
  assert.deepEqual(await buildMedia("/none", mac), { why: "libmtmd is built for Linux alone" });
  const arm = { triple: "aarch64-unknown-linux-gnu", os: "linux" } as const;
  const path = Deno.env.get("PATH");
  try {
    Deno.env.set("PATH", "/nowhere");
    assert.deepEqual(await buildMedia("/none", arm, "x86_64-unknown-linux-gnu"), {
      why: "no C++ compiler is installed (aarch64-linux-gnu-g++)",
    });
  } finally {
    if (path === undefined) Deno.env.delete("PATH");
    else Deno.env.set("PATH", path);
  }
});
