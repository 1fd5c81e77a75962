/**
 * The thread of llama.cpp: it owns models and contexts, and works off the main thread's orders one after
 * the other. Between two of them it waits; inside C it hears nothing but the shared memory.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { Host } from "./host.ts";
import type { Order, Orders, Reply } from "./messages.ts";

let host: Host | undefined;

self.onmessage = ({ data }: MessageEvent<SharedArrayBuffer | Order>) => {
  if (data instanceof SharedArrayBuffer) {
    host = new Host(data, (reply) => self.postMessage(reply));
    return;
  }
  const { id } = data;
  let reply: Reply;
  try {
    reply = { id, answer: host!.handle(data) };
  } catch (error) {
    reply = {
      id,
      error: errorMessage(error),
      code: error instanceof LlorchError ? error.code : undefined,
      log: host!.takeLog(),
    };
  }
  self.postMessage(reply);
  // While the main thread reads the reply.
  if (data.name === "step") host!.goAhead(data.take as Orders["step"]["take"]);
  if (data.name === "close") self.close();
};
