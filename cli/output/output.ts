/** Somewhere to write text. */
export interface Output {
  /** Control characters in it are shown, where they could do something to a terminal. */
  write(text: string): void;
  /** The bytes as they are: for bars that draw over themselves. */
  draw(text: string): void;
  readonly isTerminal: boolean;
  /** Columns of the terminal; undefined where there is none: pipes and files get whole lines. */
  readonly width: number | undefined;
}
