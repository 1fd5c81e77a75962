import type { Store } from "../../store/job_store.ts";
import type { Patience } from "../patience.ts";

/** A store whose reads, as batches make them, wait for the database. */
export function patientReads(store: Store, patiently: Patience): Store {
  const { batches, files } = store;
  return {
    ...store,
    get: (id) => patiently(() => store.get(id)),
    findByKey: (key) => patiently(() => store.findByKey(key)),
    events: (id, after, limit) => patiently(() => store.events(id, after, limit)),
    batches: {
      ...batches,
      get: (id) => patiently(() => batches.get(id)),
      linesDone: (id) => patiently(() => batches.linesDone(id)),
    },
    files: {
      ...files,
      get: (id) => patiently(() => files.get(id)),
      read: (id, part) => patiently(() => files.read(id, part)),
    },
  };
}
