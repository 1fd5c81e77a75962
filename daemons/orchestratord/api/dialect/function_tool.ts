import type { Tool } from "#shared/contracts/mod.ts";
import { defined } from "#shared/json.ts";

/** A function as other vendors describe it: null is the same as absent. */
export interface DescribedFunction {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: Record<string, unknown> | null | undefined;
  readonly strict?: boolean | null | undefined;
}

/** A tool in our own shape. */
export function functionTool(
  { name, description, parameters, strict }: DescribedFunction,
): Tool {
  return {
    type: "function",
    function: {
      name,
      ...defined({
        description: description ?? undefined,
        parameters: parameters ?? undefined,
        strict: strict ?? undefined,
      }),
    },
  };
}
