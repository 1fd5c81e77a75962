import type { Output } from "../output/output.ts";
import { describeLoss, type Loss } from "./losses.ts";

/** Tells every loss before it happens, whatever else is kept quiet, and remembers it. */
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
