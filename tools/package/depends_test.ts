import assert from "node:assert/strict";
import { debianDepends } from "./depends.ts";

Deno.test("debianDepends() names each package once, with the highest version that is asked for", () => {
  const depends = debianDepends({
    "libc.so.6": ["GLIBC_2.34"],
    "libm.so.6": ["GLIBC_2.9"],
    "libgcc_s.so.1": ["GCC_3.4"],
    "libstdc++.so.6": ["CXXABI_1.3.13", "GLIBCXX_3.4.30"],
    "libvulkan.so.1": [],
  });
  assert.deepEqual(depends, [
    "libc6 (>= 2.34)",
    "libgcc-s1",
    "libstdc++6 (>= 12)",
    "libvulkan1",
  ]);
});

Deno.test("debianDepends() leaves NVIDIA's libraries out, and refuses what it does not know", () => {
  assert.deepEqual(debianDepends({ "libcuda.so.1": [], "libcublas.so.13": [] }), []);
  assert.throws(
    () => debianDepends({ "libfoo.so.1": [] }),
    /No Debian package is known for libfoo/,
  );
  assert.throws(
    () => debianDepends({ "libstdc++.so.6": ["GLIBCXX_3.4.99"] }),
    /No GCC release .*3\.4\.99/,
  );
});
