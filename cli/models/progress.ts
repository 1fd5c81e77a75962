import type { Context } from "../context.ts";
import { formatBytes } from "../output/bytes.ts";
import { printable } from "#shared/printable.ts";

/** Interval between progress lines on a terminal and elsewhere, in milliseconds. */
const DRAW_MS = { terminal: 100, plain: 5_000 } as const;

/** The rate is measured over about this many last milliseconds. */
const RATE_WINDOW_MS = 5_000;

/** Characters of the bar. */
const BAR = 24;

/** Progress of a transfer, in bytes. */
export interface ProgressState {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** Bytes a second; 0 while it is not known. */
  readonly rate: number;
}

/** One line: share done, rate, time left. */
export function progressText({ label, done, total, rate }: ProgressState): string {
  const percent = Math.floor(done / total * 100);
  const left = rate > 0 && done < total ? `, ${formatSeconds((total - done) / rate)} left` : "";
  const speed = rate > 0 ? `, ${formatBytes(rate)}/s` : "";
  return `${label} ${percent}% of ${formatBytes(total)}${speed}${left}`;
}

/** The same with a bar, in at most `width` characters. */
export function progressBar(state: ProgressState, width: number): string {
  const full = Math.floor(state.done / state.total * BAR);
  const line = `[${"#".repeat(full)}${" ".repeat(BAR - full)}] ${progressText(state)}`;
  return line.slice(0, width);
}

/** A duration: `45 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
}

/** Shows progress on standard error; `done` never decreases. */
export class Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #stderr: Context["stderr"];
  readonly #isQuiet: boolean;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #samples: { at: number; done: number }[];
  #done: number;

  /** @param from bytes that an earlier try left, which do not count for the rate */
  constructor(
    { stderr }: Pick<Context, "stderr">,
    options: { label: string; total: number; from: number; isQuiet: boolean },
  ) {
    this.#label = options.label;
    this.#total = options.total;
    this.#done = options.from;
    this.#stderr = stderr;
    this.#isQuiet = options.isQuiet;
    this.#samples = [{ at: performance.now(), done: options.from }];
    if (this.#isQuiet) return;
    const every = stderr.isTerminal ? DRAW_MS.terminal : DRAW_MS.plain;
    this.#timer = setInterval(() => this.#draw(), every);
  }

  set done(value: number) {
    if (value > this.#done) this.#done = value;
  }

  /** Prints a line without disturbing the bar. */
  note(text: string): void {
    if (this.#isQuiet) return;
    this.#clear();
    this.#stderr.write(`${text}\n`);
  }

  /** Removes the bar; the caller prints the result. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (!this.#isQuiet) this.#clear();
  }

  #clear(): void {
    if (this.#stderr.isTerminal) this.#stderr.draw("\r\u001b[K");
  }

  #draw(): void {
    const state = {
      label: printable(this.#label),
      done: this.#done,
      total: this.#total,
      rate: this.#rate(performance.now()),
    };
    if (this.#stderr.isTerminal) this.#stderr.draw(`\r${progressBar(state, 79)}\u001b[K`);
    else this.#stderr.write(progressText(state) + "\n");
  }

  #rate(now: number): number {
    this.#samples.push({ at: now, done: this.#done });
    while (this.#samples.length > 2 && now - this.#samples[1]!.at > RATE_WINDOW_MS) {
      this.#samples.shift();
    }
    const { at, done } = this.#samples[0]!;
    return now > at ? (this.#done - done) / ((now - at) / 1000) : 0;
  }
}
