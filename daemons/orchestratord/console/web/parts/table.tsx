import {
  cloneElement,
  type ComponentChildren,
  isValidElement,
  toChildArray,
  type VNode,
} from "preact";
import { useNarrow } from "../hooks.ts";

/**
 * A table with its own scroll bar if it is wider than the page. On a narrow screen each row is a card, in which
 * every cell has the name of its column.
 */
export function Table({ label, head, children }: {
  label: string;
  /** Names of the columns; those that begin with `#` hold numbers. An empty one has no heading. */
  head: readonly string[];
  /** Rows (`tr`) with a cell (`td`) for each column. */
  children: ComponentChildren;
}) {
  const names = head.map((name) => name.replace(/^#/, ""));
  const isNarrow = useNarrow(head.length > MANY ? MANY_REM : FEW_REM);
  // The roles stay where the style makes no table of it.
  return (
    <div
      class={isNarrow ? "scroll stacked" : "scroll"}
      role="region"
      aria-label={label}
      tabIndex={0}
    >
      <table role="table">
        <thead role="rowgroup">
          <tr role="row">
            {head.map((name, index) => (
              <th
                key={index}
                role="columnheader"
                scope="col"
                class={name.startsWith("#") ? "number" : undefined}
              >
                {names[index]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">{elementsOf(children).map((row) => labelled(row, names))}</tbody>
      </table>
    </div>
  );
}

/** A table of more columns than this becomes cards on a page that is at most this wide, in rem. */
const MANY = 5;
const MANY_REM = 64;
/** The same of one with fewer columns. */
const FEW_REM = 40;

/** A row whose cells have the names of their columns, for the style sheet. */
function labelled(row: VNode, names: readonly string[]): VNode {
  // A component hides its cells, which then had no names.
  if (row.type !== "tr") throw new TypeError("Each row of a table must be a tr");
  const { children } = row.props as { children?: ComponentChildren };
  const cells = elementsOf(children).map((cell, index) =>
    cloneElement(cell, { role: "cell", "data-label": names[index] })
  );
  return cloneElement(row, { role: "row" }, cells);
}

function elementsOf(children: ComponentChildren): VNode[] {
  return toChildArray(children).filter(isValidElement);
}

/** Shown where a list is empty. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
