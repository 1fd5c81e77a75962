import assert from "node:assert/strict";
import { meantPath } from "./paths.ts";

Deno.test("paths of other vendors are found as clients write them", () => {
  for (
    const [path, meant] of [
      ["/v1/chat/completions/", "/v1/chat/completions"],
      ["//v1/chat/completions", "/v1/chat/completions"],
      ["/v1//chat//completions", "/v1/chat/completions"],
      ["/v1/v1/chat/completions", "/v1/chat/completions"],
      ["/v1/v1/v1/models/", "/v1/models"],
      ["/chat/completions", "/v1/chat/completions"],
      ["/models/", "/v1/models"],
      ["/rerank", "/v1/rerank"],
      ["/files/", "/v1/files"],
      ["/models/counter", "/v1/models/counter"],
      ["/models/hf:org//repo/", "/v1/models/hf:org//repo/"],
      ["/messages", "/v1/messages"],
      ["/messages/count_tokens/", "/v1/messages/count_tokens"],
      ["/responses/resp_1/cancel", "/v1/responses/resp_1/cancel"],
      ["/v1/v2/rerank", "/v1/rerank"],
      ["/tokenize/", "/tokenize"],
      ["//tokenize", "/tokenize"],
      ["/detokenize/", "/detokenize"],
      ["/apply-template/", "/apply-template"],
      ["/embedding/", "/embedding"],
      ["/props/", "/props"],
      ["/completion/", "/completion"],
      ["//infill//", "/infill"],
      ["/batches/batch_1/cancel", "/v1/batches/batch_1/cancel"],
      ["/v2/rerank", "/v1/rerank"],
      ["/v1/reranking", "/v1/rerank"],
      ["/v1/health", "/health"],
      ["/api//tags/", "/api/tags"],
      ["/v1/models/", "/v1/models"],
      ["/v1/models/hf:org//repo/", "/v1/models/hf:org//repo/"],
      ["/v1/models/file:/m/a.gguf", "/v1/models/file:/m/a.gguf"],
    ] as const
  ) assert.equal(meantPath(path), meant);
});

Deno.test("our own paths, and unknown ones, are taken as they are", () => {
  for (
    const path of [
      ...["/", "//", "/v2/tasks/", "//v2/tasks", "/v2//pools", "/console//app.js", "/health/"],
      ...["/v1x/models", "/constructor", "/v2/rerank/x", "/filesystem", ""],
    ]
  ) assert.equal(meantPath(path), path);
});
