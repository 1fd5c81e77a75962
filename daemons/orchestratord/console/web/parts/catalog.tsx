import type { ModelView } from "#shared/contracts/mod.ts";
import catalog from "../catalog.json" with { type: "json" };
import { formatBytes, formatCount } from "../format.ts";
import { Command } from "./copy.tsx";
import { Name } from "./name.tsx";
import { Table } from "./table.tsx";

/** Models of llorch's catalog that no pool has, with the command that downloads each. */
export function Catalog({ models }: { models: readonly ModelView[] }) {
  const there = new Set(models.flatMap(({ aliases }) => aliases));
  const others = catalog.filter(({ id }) => !there.has(id));
  if (others.length === 0) return null;
  return (
    <details>
      <summary>
        <h2>{others.length} models to download</h2>
      </summary>
      <p class="dim small">
        Run the command on a host with a pool manager; from a checkout, put <code>deno task</code>
        {" "}
        before it. The pool then reports the model by itself.
      </p>
      <Table label="Models to download" head={HEAD}>
        {others.map(({ id, name, size_bytes, memory_gib, context, licence }) => (
          <tr key={id}>
            <td class="name">
              <Name>{name}</Name>
            </td>
            <td class="number">{size_bytes === null ? "–" : formatBytes(size_bytes)}</td>
            <td class="number">{formatBytes(memory_gib * 2 ** 30)}</td>
            <td class="number">{formatCount(context)}</td>
            <td>{licence}</td>
            <td>
              <Command text={`llorch models download ${id}`} />
            </td>
          </tr>
        ))}
      </Table>
    </details>
  );
}

const HEAD = ["Model", "#Download", "#Memory", "#Context", "Licence", "Command"];
