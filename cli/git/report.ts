import type { Output } from "../output/output.ts";
import { describeLoss, type Loss } from "./losses.ts";

/** Prints every loss before it happens, also with `--quiet`, and collects them. */
export function lossReporter(stderr: Output): { all: Loss[]; onLoss: (loss: Loss) => void } {
  const all: Loss[] = [];
  return {
    all,
    onLoss(loss) {
      all.push(loss);
      for (const line of describeLoss(loss)) stderr.write(`llorch: ${line}\n`);
    },
  };
}
