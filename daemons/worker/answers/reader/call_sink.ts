import type { CallForm } from "../../chat/syntax.ts";
import type { Offered } from "../../chat/value_types.ts";
import type { Source } from "./source.ts";

/** Takes calls as they are read. */
export interface CallSink {
  begin(name: string): void;
  arguments(text: string): void;
}

/** Dependencies of the readers of one call. */
export interface CallContext<Form extends CallForm = CallForm> {
  readonly form: Form;
  readonly source: Source;
  readonly offered: Offered;
  readonly sink: CallSink;
  /** Marks that end a call. */
  readonly closes: readonly string[];
}
