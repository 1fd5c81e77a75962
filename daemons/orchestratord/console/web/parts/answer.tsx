import type { Call } from "../chat.ts";
import { Name } from "./name.tsx";

/** What the model thought before its answer, folded. */
export function Thoughts({ text, isGrowing = false }: { text: string; isGrowing?: boolean }) {
  return (
    <details class="thoughts">
      <summary>{isGrowing ? "Thinking…" : "Thoughts"}</summary>
      <p dir="auto">{text.trim()}</p>
    </details>
  );
}

/** A call of a function, perhaps only its beginning. */
export function CallView({ call: { function: { name, arguments: given } } }: { call: Call }) {
  return (
    <div class="call">
      <span class="role">
        Call of <Name>{name}</Name>
      </span>
      <code dir="auto">{given}</code>
    </div>
  );
}
