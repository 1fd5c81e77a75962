import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { runProgram } from "#shared/run_program.ts";
import { hasCompiler } from "../../../../../tools/abi/compiler.ts";
import { type FieldType, layoutOf } from "./layout.ts";

/** Types of C. */
const C_TYPES: Readonly<Record<FieldType, string>> = {
  u8: "uint8_t",
  bool: "bool",
  i32: "int32_t",
  u32: "uint32_t",
  f32: "float",
  i64: "int64_t",
  u64: "uint64_t",
  f64: "double",
  usize: "size_t",
  pointer: "void *",
};

Deno.test("a field lies at a multiple of its size, and the end is padded to the largest", () => {
  assert.deepEqual(layoutOf({ id: "i32", logit: "f32", p: "f32" }), {
    size: 12,
    offsets: { id: 0, logit: 4, p: 8 },
  });
  assert.deepEqual(layoutOf({ flag: "bool", size: "usize", last: "bool" }), {
    size: 24,
    offsets: { flag: 0, size: 8, last: 16 },
  });
  assert.deepEqual(layoutOf({ only: "bool" }), { size: 1, offsets: { only: 0 } });
});

Deno.test({
  name: "random structures lie as the C compiler (cc, if it is installed) lays them out",
  ignore: !await hasCompiler(),
}, async () => {
  const type = fc.constantFrom(...Object.keys(C_TYPES) as FieldType[]);
  const structs = fc.sample(fc.array(type, { minLength: 1, maxLength: 30 }), 200)
    .map((types) => Object.fromEntries(types.map((each, index) => [`f${index}`, each])));
  const expected = structs.map((fields) => {
    const { size, offsets } = layoutOf(fields);
    return [size, ...Object.values(offsets)].join(" ");
  });
  assert.deepEqual((await printedByC(structs)).split("\n"), expected);
});

/** Sizes and offsets as the compiler has them, a line for each structure. */
async function printedByC(
  structs: readonly Readonly<Record<string, FieldType>>[],
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-layout-" });
  try {
    const [source, program] = [join(folder, "layout.c"), join(folder, "layout")];
    await Deno.writeTextFile(source, programOf(structs));
    const built = await runProgram({ command: "cc", args: [source, "-o", program] });
    assert.equal(built.code, 0, built.stderr);
    return (await runProgram({ command: program, args: [] })).stdout.trimEnd();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function programOf(structs: readonly Readonly<Record<string, FieldType>>[]): string {
  const printed = structs.map((fields, index) => {
    const names = Object.keys(fields);
    const declared = Object.entries(fields).map(([name, type]) => `${C_TYPES[type]} ${name};`);
    const offsets = names.map((name) => `, offsetof(struct s${index}, ${name})`).join("");
    return `struct s${index} { ${declared.join(" ")} };
      printf("%zu${" %zu".repeat(names.length)}\\n", sizeof(struct s${index})${offsets});`;
  });
  return `#include <stdbool.h>
    #include <stddef.h>
    #include <stdint.h>
    #include <stdio.h>
    int main(void) { ${printed.join("\n")} return 0; }
  `;
}
