/**
 * Differences between what `abi.ts` says and what it should say, a line each.
 *
 * @param path Names that lead to the two values, e.g. `FIELDS.llama_batch`.
 */
export function differences(written: unknown, wanted: unknown, path = ""): string[] {
  if (!isObject(written) || !isObject(wanted)) {
    return show(written) === show(wanted)
      ? []
      : [`${path}: ${show(written)} in abi.ts, ${show(wanted)} in llama.cpp`];
  }
  const [left, right] = [Object.keys(written), Object.keys(wanted)];
  const lines = [...new Set([...right, ...left])]
    .flatMap((name) =>
      differences(written[name], wanted[name], path === "" ? name : `${path}.${name}`)
    );
  const isMoved = lines.length === 0 && left.join() !== right.join();
  return isMoved ? [`${path}: another order in llama.cpp`] : lines;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function show(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value);
}
