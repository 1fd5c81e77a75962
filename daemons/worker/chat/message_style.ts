import type { MessageSyntax } from "./syntax.ts";

/** How an answer of several messages goes on from its prompt. */
export interface MessageStyle {
  readonly syntax: MessageSyntax;
  /** What the answer writes before its first header; nothing where the prompt has it. */
  readonly lead: string;
}

/** Whether a header can name a function: then its end and other words cannot be taken for the name. */
export function fitsHeader(name: string): boolean {
  return !/[\s{[<>"|]/.test(name);
}

/** What begins a message after another one. */
export function messageStart({ start, headers }: MessageSyntax): string {
  return start + headers.role;
}
