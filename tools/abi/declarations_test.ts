import assert from "node:assert/strict";
import { fieldsOf, signatureOf, withoutComments } from "./declarations.ts";

const HEADER = withoutComments(`
  struct llama_thing;
  struct llama_thing { // a comment; with a semicolon
    int32_t  n_tokens;
    const float * split; /* two;
    lines */
    llama_seq_id ** seq_id;
    enum llama_split_mode mode;
    llama_progress_callback callback;
    bool last;
  };
  DEPRECATED(LLAMA_API void llama_old(struct llama_context * ctx), "use llama_new");
  LLAMA_API struct llama_batch llama_make(void);
  LLAMA_API const char * llama_name(enum llama_split_mode mode);
  LLAMA_API bool llama_new(
          struct llama_context * ctx,   // not ours
             const char * path,
             struct llama_model_params params,
             llama_adapter_lora ** adapters,
             float * scales,
             size_t n,
             void * user_data);
  LLAMA_API void llama_call(void (*callback)(int32_t), int32_t n);
  LLAMA_API void llama_long(long double x);
`);

Deno.test("fields keep the order of C, and pointers and enumerations have their types", () => {
  assert.deepEqual(Object.entries(fieldsOf(HEADER, "llama_thing")), [
    ["n_tokens", "i32"],
    ["split", "pointer"],
    ["seq_id", "pointer"],
    ["mode", "i32"],
    ["callback", "pointer"],
    ["last", "bool"],
  ]);
});

Deno.test("memory of ours is a buffer, what llama.cpp made is a pointer", () => {
  assert.deepEqual(signatureOf(HEADER, "LLAMA_API", "llama_new"), {
    parameters: [
      "pointer",
      "buffer",
      { struct: "llama_model_params" },
      "buffer",
      "buffer",
      "usize",
      "pointer",
    ],
    result: "bool",
  });
  assert.deepEqual(signatureOf(HEADER, "LLAMA_API", "llama_make"), {
    parameters: [],
    result: { struct: "llama_batch" },
  });
  assert.deepEqual(signatureOf(HEADER, "LLAMA_API", "llama_name"), {
    parameters: ["i32"],
    result: "pointer",
  });
});

Deno.test("what cannot be read is an error that names it, never a guess", () => {
  const cases: readonly (readonly [name: string, message: RegExp])[] = [
    ["llama_gone", /no function llama_gone/],
    ["llama_old", /no function llama_old/],
    ["llama_call", /no function llama_call/],
    ["llama_long", /"long double" of llama_long is not known/],
  ];
  for (const [name, message] of cases) {
    assert.throws(() => signatureOf(HEADER, "LLAMA_API", name), message);
  }
  assert.throws(() => fieldsOf(HEADER, "llama_other"), /no struct llama_other/);
  const union = "struct llama_union { union { int32_t a; float b; }; };";
  assert.throws(() => fieldsOf(union, "llama_union"), /no struct llama_union/);
  const array = "struct llama_array { char key[128]; };";
  assert.throws(() => fieldsOf(array, "llama_array"), /Cannot read "char key\[128\]"/);
});
