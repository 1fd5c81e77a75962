// node-llama-cpp tests a native binary in a fork of its own file. In a compiled worker that fork
// starts this program, which then has to be that file and nothing else.
if (Deno.env.get("TEST_BINDING_CP") === "true") {
  const library = import.meta.resolve("node-llama-cpp");
  await import(new URL("./bindings/utils/testBindingBinary.js", library).href);
} else {
  const { takeLargeStack } = await import("./own_stack.ts");
  takeLargeStack();
  const { runWorker } = await import("./daemon.ts");
  Deno.exit(await runWorker(Deno.args));
}
