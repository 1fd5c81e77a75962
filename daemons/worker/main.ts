// node-llama-cpp tests a native binary by forking a file of its own. In a compiled worker the fork
// starts this program, which then must run only that file.
if (Deno.env.get("TEST_BINDING_CP") === "true") {
  const library = import.meta.resolve("node-llama-cpp");
  await import(new URL("./bindings/utils/testBindingBinary.js", library).href);
} else {
  const { takeLargeStack } = await import("./own_stack.ts");
  takeLargeStack();
  const { runWorker } = await import("./daemon.ts");
  Deno.exit(await runWorker(Deno.args));
}
