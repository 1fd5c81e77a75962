import type { ActivityData, ActivityKind } from "#shared/contracts/mod.ts";

/** An activity from the feed. */
export interface LiveActivity extends ActivityData {
  readonly id: string;
  readonly kind: ActivityKind;
}
