import { useState } from "preact/hooks";
import { formatCount } from "../format.ts";

/** Rows of a long list that are shown at first. */
const SHOWN = 20;

/** The first rows of a list, or all of them once a person has asked for them. */
export function useShown<T>(rows: readonly T[]): { shown: readonly T[]; showAll: () => void } {
  const [isAll, setAll] = useState(false);
  return { shown: isAll ? rows : rows.slice(0, SHOWN), showAll: () => setAll(true) };
}

/** Offers to show the rest of a list. */
export function ShowAll({ count, shown, onShow }: {
  count: number;
  shown: number;
  onShow: () => void;
}) {
  if (count <= shown) return null;
  return (
    <p>
      <button type="button" onClick={onShow}>Show all {formatCount(count)}</button>
    </p>
  );
}
