import { openDependencies } from "./library.ts";

/**
 * Functions with which a model's own layers draft. They are C++: their names carry their parameters, as
 * compilers other than Microsoft's write them.
 */
const SYMBOLS = {
  setStates: {
    name: "_Z26llama_set_embeddings_nextnP13llama_contextbb",
    parameters: ["pointer", "bool", "bool"],
    result: "void",
    optional: true,
  },
  stateOf: {
    name: "_Z30llama_get_embeddings_nextn_ithP13llama_contexti",
    parameters: ["pointer", "i32"],
    result: "pointer",
    optional: true,
  },
} as const;

/** Functions of libllama for layers that draft. */
export interface DraftFunctions {
  /**
   * Lets a context keep hidden states of the tokens of a batch: of all, or of those with outputs only.
   */
  readonly setStates: (
    context: Deno.PointerValue,
    keeps: boolean,
    ofOutputs: boolean,
  ) => void;
  /** The hidden state of a token of the last batch; good until the next one. */
  readonly stateOf: (context: Deno.PointerValue, row: number) => Deno.PointerValue;
}

/** Finds them in a folder's libllama; undefined if it does not have them. */
export function draftFunctions(folder: string): DraftFunctions | undefined {
  const { setStates, stateOf } = Deno.dlopen(openDependencies(folder), SYMBOLS).symbols;
  return setStates && stateOf ? { setStates, stateOf } : undefined;
}
