import assert from "node:assert/strict";
import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { runProgram } from "#shared/run_program.ts";
import { hasCompiler } from "../../../../../tools/abi/compiler.ts";
import { llamaLibrary } from "../../../../../tools/llama_bundle.ts";
import { DEFAULTS, FIELDS, VERSION } from "./abi.ts";
import { type AbiProbe, abiProblem, checkAbi, openProbe, TAIL_BYTES } from "./check_abi.ts";
import { type FieldType, layoutOf } from "./layout.ts";

const library = await llamaLibrary();
const path = "why" in library ? "" : library.path;
const ignore = "why" in library;

/** Both ways to get defaults: the second works on every platform, and sees less. */
const WAYS = Deno.build.arch === "x86_64" ? [true, false] : [false];

Deno.test({ name: "the libraries of node-llama-cpp pass", ignore }, () => {
  for (const isX64 of WAYS) {
    checkAbi(path, { open: (file) => openProbe(file, isX64) });
  }
});

Deno.test("another version is named, and no structure is asked for", () => {
  const probe: AbiProbe = { ...fakeProbe(), version: () => "0.3.9", defaults: () => assert.fail() };
  assert.equal(abiProblem(probe), `its version is 0.3.9 instead of ${VERSION}`);
  const silent: AbiProbe = { ...probe, version: () => undefined };
  assert.equal(abiProblem(silent), "it does not say its version");
});

Deno.test("one written byte behind a structure is detected, wherever it is", () => {
  assert.equal(abiProblem(fakeProbe()), undefined);
  const { size } = layoutOf(FIELDS.llama_context_params);
  for (const at of [size, size + TAIL_BYTES - 1]) {
    const probe = fakeProbe((bytes, struct) => {
      if (struct === "llama_context_params") bytes[at] = 0;
    });
    assert.match(abiProblem(probe)!, /llama_context_params is longer than \d+ bytes/);
  }
});

Deno.test("each default is compared at its place", () => {
  for (const struct of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    const { offsets } = layoutOf<Readonly<Record<string, FieldType>>>(FIELDS[struct]);
    for (const name of Object.keys(DEFAULTS[struct])) {
      const probe = fakeProbe((bytes, each) => {
        if (each === struct) bytes[offsets[name]!]! ^= 0x40;
      });
      assert.ok(abiProblem(probe)?.includes(`the default of ${struct}.${name} is `), name);
    }
  }
});

Deno.test("an array of another length is not read", () => {
  const probe: AbiProbe = { ...fakeProbe(), defaults: () => new Uint8Array(8) };
  assert.match(abiProblem(probe)!, /came back as 8 bytes instead of/);
});

Deno.test("a refusal says where, what is different, and what to do; the library is closed", () => {
  let closed = 0;
  const open = () => ({ ...fakeProbe(), version: () => "0.3.9", close: () => void closed++ });
  assert.throws(() => checkAbi("/opt/llama/libllama.so", { open }), (error) => {
    assert.ok(error instanceof LlorchError);
    assert.equal(error.code, "WORKER_START_FAILED");
    assert.equal(
      error.message,
      `Cannot use llama.cpp in /opt/llama: its version is 0.3.9 instead of ${VERSION}; ` +
        `install the libraries of version ${VERSION}`,
    );
    return true;
  });
  assert.equal(closed, 1);
});

Deno.test("what is no library, or another one, is refused in words", () => {
  assert.throws(() => checkAbi("/nowhere/libllama.so"), {
    code: "WORKER_START_FAILED",
    message: /^Cannot use llama\.cpp in \/nowhere: .*libllama\.so/,
  });
});

/** A library that is made with other structures. */
interface Doctored {
  readonly name: string;
  /** Fields of `llama_context_params` with their defaults, from those of `abi.ts`. */
  readonly change?: (fields: Field[]) => Field[];
  readonly version?: string;
  /** Expected problem; undefined: none is detected. */
  readonly problem: RegExp | undefined;
  /** Expected problem where the memory is Deno's zeroed one, if it is another. */
  readonly zeroed?: RegExp | undefined;
}

type Field = readonly [name: string, type: FieldType, value: string];

const DOCTORED: readonly Doctored[] = [
  { name: "the same structures", problem: undefined },
  { name: "another version", version: "0.5.0", problem: /its version is 0\.5\.0/ },
  {
    name: "a new last field",
    change: (fields) => [...fields, ["n_extra", "u32", "7"]],
    problem: /llama_context_params is longer than 160 bytes/,
  },
  {
    name: "a new last field that is zero shows only where the memory is ours",
    change: (fields) => [...fields, ["extra", "pointer", "0"]],
    problem: /llama_context_params is longer than 160 bytes/,
    zeroed: undefined,
  },
  {
    name: "a new field in the middle",
    change: (fields) => [...fields.slice(0, 2), ["n_extra", "u32", "7"], ...fields.slice(2)],
    problem: /llama_context_params is longer than 160 bytes/,
    zeroed: /the default of llama_context_params\.n_ubatch is 7 instead of 512/,
  },
  {
    name: "a field fewer at the end shows only where the memory is ours",
    change: (fields) => fields.slice(0, -1),
    problem: /the default of llama_context_params\.ctx_other is \d+ instead of null/,
    zeroed: undefined,
  },
  {
    name: "two fields in another order",
    change: ([first, second, ...rest]) => [second!, first!, ...rest],
    problem: /the default of llama_context_params\.n_ctx is 2048 instead of 512/,
  },
];

Deno.test({
  name: "libraries with other structures, made by cc (if it is installed), are detected",
  ignore: Deno.build.os === "windows" || !await hasCompiler(),
}, async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "llorch-abi-" });
  try {
    for (const [index, doctored] of DOCTORED.entries()) {
      const file = join(folder, `libllama${index}.so`);
      await buildLibrary(file, librarySource(doctored));
      for (const isX64 of WAYS) {
        await t.step(
          `${doctored.name}, ${isX64 ? "memory of ours" : "zeroed memory"}`,
          () => {
            const wanted = !isX64 && "zeroed" in doctored ? doctored.zeroed : doctored.problem;
            const check = () => checkAbi(file, { open: (each) => openProbe(each, isX64) });
            if (wanted === undefined) check();
            else assert.throws(check, wanted);
          },
        );
      }
    }
    if (WAYS.includes(true)) {
      await t.step("a structure that comes back in a register", async () => {
        const file = join(folder, "libllama.so");
        const small = "struct small { long a; }; struct small";
        await buildLibrary(
          file,
          `const char *llama_version(void) { return "${VERSION}"; }
          ${small} llama_model_default_params(void) { struct small r = { 7 }; return r; }`,
        );
        assert.throws(
          () => checkAbi(file),
          /llama_model_default_params does not return its structure in memory/,
        );
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** A probe of the right library, whose bytes a test changes. */
function fakeProbe(
  change: (bytes: Uint8Array, struct: keyof typeof DEFAULTS) => void = () => {},
): AbiProbe {
  return {
    version: () => VERSION,
    defaults(struct) {
      const bytes = rightDefaults(struct);
      change(bytes, struct);
      return bytes;
    },
    unwritten: 0xff,
    close: () => {},
  };
}

function rightDefaults(struct: keyof typeof DEFAULTS): Uint8Array {
  const fields: Readonly<Record<string, FieldType>> = FIELDS[struct];
  const { size, offsets } = layoutOf(fields);
  const bytes = new Uint8Array(size + TAIL_BYTES).fill(0, 0, size).fill(0xff, size);
  const view = new DataView(bytes.buffer);
  for (const [name, value] of Object.entries(DEFAULTS[struct])) {
    const at = offsets[name]!;
    if (fields[name] === "f32") view.setFloat32(at, Number(value), true);
    else if (fields[name] === "bool") view.setUint8(at, Number(value));
    else view.setInt32(at, Number(value), true);
  }
  return bytes;
}

/** Types of C that the two structures have. */
const C_TYPES: Readonly<Partial<Record<FieldType, string>>> = {
  bool: "bool",
  i32: "int32_t",
  u32: "uint32_t",
  f32: "float",
  usize: "size_t",
  pointer: "void *",
};

function librarySource({ change = (fields) => fields, version = VERSION }: Doctored): string {
  return `#include <stdbool.h>
    #include <stddef.h>
    #include <stdint.h>
    const char *llama_version(void) { return "${version}"; }
    ${functionSource("llama_model", fieldsOf("llama_model_params"))}
    ${functionSource("llama_context", change(fieldsOf("llama_context_params")))}
  `;
}

function fieldsOf(struct: keyof typeof DEFAULTS): Field[] {
  const defaults: Readonly<Record<string, number | boolean | null>> = DEFAULTS[struct];
  return Object.entries(FIELDS[struct])
    .map(([name, type]) => [name, type, String(defaults[name] ?? 0)]);
}

function functionSource(name: string, fields: readonly Field[]): string {
  return `struct ${name}_params { ${
    fields.map(([field, type]) => `${C_TYPES[type]} ${field};`).join(" ")
  } };
    struct ${name}_params ${name}_default_params(void) {
      struct ${name}_params values = { ${fields.map(([, , value]) => value).join(", ")} };
      return values;
    }`;
}

async function buildLibrary(file: string, source: string): Promise<void> {
  await Deno.writeTextFile(`${file}.c`, source);
  const args = ["-shared", "-fPIC", `${file}.c`, "-o", file];
  const { code, stderr } = await runProgram({ command: "cc", args });
  assert.equal(code, 0, stderr);
}
