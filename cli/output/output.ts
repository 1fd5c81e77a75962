/** Somewhere to write text. */
export interface Output {
  /** Control characters that could affect a terminal are made visible. */
  write(text: string): void;
  /** Writes the text unchanged, for progress bars that redraw themselves. */
  draw(text: string): void;
  readonly isTerminal: boolean;
  /** Columns of the terminal; undefined for pipes and files, which get whole lines. */
  readonly width: number | undefined;
}
