import type { CallForm } from "../../chat/syntax.ts";
import type { Offered } from "../../chat/value_types.ts";
import type { Source } from "./source.ts";

/** Takes calls as they are read. */
export interface CallSink {
  /** @param name as the model wrote it if that function was not offered */
  begin(name: string): void;
  arguments(text: string): void;
}

/** Dependencies of the readers of one call. */
export interface CallContext<Form extends CallForm = CallForm> {
  readonly form: Form;
  readonly source: Source;
  readonly offered: Offered;
  /** Whether a call of a function that was not offered is one, too: marks tell what it is. */
  readonly takesOthers: boolean;
  readonly sink: CallSink;
  /** Marks that end a call. */
  readonly closes: readonly string[];
}
