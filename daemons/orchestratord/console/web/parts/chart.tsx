import { useEffect, useId, useRef } from "preact/hooks";
import uPlot from "uplot";
import { SHOWN_S } from "../live.ts";

const HEIGHT = 140;

/** A line chart of the last hour. */
export function Chart({ title, words, now: latest, time, values, color, isCount = false }: {
  title: string;
  /** A value as text, with its unit unless the title says it. */
  words: (value: number) => string;
  /** The value that is shown elsewhere on the page; without it, that of the last point. */
  now?: number | undefined;
  /** Seconds since the epoch. */
  time: readonly number[];
  values: readonly (number | null)[];
  /** Name of a CSS variable. */
  color: string;
  /** Whole numbers. */
  isCount?: boolean;
}) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const id = useId();
  useEffect(() => {
    const element = holder.current!;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(
        options(element, color, words, isCount),
        dataOf(time, values),
        element,
      );
    };
    make();
    dark.addEventListener("change", make);
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT })
    );
    resized.observe(element);
    return () => {
      resized.disconnect();
      dark.removeEventListener("change", make);
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(dataOf(time, values)), [time, values]);
  const known = values.filter((value) => value !== null);
  // The last point covers some seconds.
  const last = latest ?? known.at(-1);
  const most = Math.max(0, last ?? 0, ...known);
  const label = last === undefined
    ? "nothing yet"
    : `latest ${words(last)}, highest ${words(most)}`;
  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id}>
        {title} <span class="dim">({label})</span>
      </figcaption>
      <div ref={holder} aria-hidden="true" />
    </figure>
  );
}

function dataOf(time: readonly number[], values: readonly (number | null)[]): uPlot.AlignedData {
  return [time as number[], values as (number | null)[]];
}

function options(
  element: HTMLElement,
  name: string,
  words: (value: number) => string,
  isCount: boolean,
): uPlot.Options {
  const style = getComputedStyle(element);
  const css = (name: string) => {
    // The variables hold colours for both schemes; the computed style of an element has the current one.
    const probe = document.createElement("span");
    probe.className = `probe ${name}`;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  const stroke = css(name);
  const grid = { stroke: css("line"), width: 1 };
  const axis = {
    stroke: css("dim"),
    font: `11px ${style.fontFamily}`,
    grid,
    ticks: { show: false },
  };
  return {
    width: element.clientWidth || 300,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    padding: [8, 18, 0, 0],
    scales: {
      // The last hour, or less if there is no data for all of it.
      x: { range: (_, first) => [Math.max(now() - SHOWN_S, Math.min(first, now() - 300)), now()] },
      y: { range: (_, __, max) => [0, Math.max(isCount ? 4 : 10, (max ?? 0) * 1.15)] },
    },
    axes: [
      { ...axis, size: 26, values: (_, times) => times.map(clock) },
      {
        ...axis,
        // As wide as the longest: `16 min 40 s`.
        size: 76,
        values: (_, ticks) => ticks.map(words),
        incrs: isCount ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] : undefined!,
      },
    ],
    series: [
      {},
      {
        stroke,
        width: 1.5,
        fill: stroke.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)"),
        spanGaps: true,
        points: { show: false },
      },
    ],
  };
}

const now = () => Date.now() / 1000;

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB").slice(0, 5);
}
