/** What a sound may be, and what it becomes. */
export interface SoundBounds {
  /** Samples of a second that the model takes. */
  readonly rate: number;
  readonly mostSeconds: number;
}
