/** A metric of prom-client that can be read. */
interface Readable {
  get(): Promise<{
    readonly values: readonly {
      readonly value: number;
      readonly labels: { readonly outcome?: string | number };
      readonly metricName?: string;
    }[];
  }>;
}

/**
 * The value of a counter or gauge (with this outcome, if it has several), or the sum of a
 * histogram.
 */
export async function valueOf(metric: Readable, outcome?: string): Promise<number | undefined> {
  const { values } = await metric.get();
  return values.find(({ labels, metricName }) =>
    labels.outcome === outcome && (metricName?.endsWith("_sum") ?? true)
  )?.value;
}
