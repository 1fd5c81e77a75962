import type { Access } from "../access/access.ts";

/** Whose job something is, as clients see it. */
export interface Owned {
  readonly owner?: string;
}

/**
 * Names the owners of jobs.
 *
 * @param tenants Those of the jobs that are asked for afterwards.
 */
export async function ownersOf(
  access: Pick<Access, "nameOf">,
  tenants: Iterable<string>,
): Promise<(tenant: string) => Owned> {
  const names = new Map<string, string>();
  for (const tenant of new Set(tenants)) {
    const name = await access.nameOf(tenant);
    if (name !== undefined) names.set(tenant, name);
  }
  return (tenant) => {
    const owner = names.get(tenant);
    return owner === undefined ? {} : { owner };
  };
}
