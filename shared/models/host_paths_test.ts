import assert from "node:assert/strict";
import { withoutFolders } from "./host_paths.ts";

for (
  const [text, shown] of [
    [
      "Cannot read the key file /etc/llorch/gpu.key: it is empty",
      "Cannot read the key file gpu.key: it is empty",
    ],
    ["chmod 600 /etc/llorch/gpu.key", "chmod 600 gpu.key"],
    ['"/srv/my models/x.gguf" is cut off', '"x.gguf" is cut off'],
    [
      "Cannot unpack llama.cpp: /root/.cache/llorch/lib (os error 28)",
      "Cannot unpack llama.cpp: lib (os error 28)",
    ],
    [
      "Cannot use https://gpu.example.org/v1/models: 404",
      "Cannot use https://gpu.example.org/v1/models: 404",
    ],
    ["GET /v1/models/x answers 404", "GET /v1/models/x answers 404"],
    ["3 of 4 and/or 1/2 of it", "3 of 4 and/or 1/2 of it"],
  ] as const
) {
  Deno.test(`withoutFolders(): ${text}`, () => {
    assert.equal(withoutFolders(text), shown);
  });
}
