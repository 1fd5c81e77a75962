import {
  ACCEPTED,
  devicesOf,
  faultOfPlace,
  orchestratorRoutes as routes,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App } from "#shared/http/app.ts";
import { defined } from "#shared/json.ts";
import type { Orchestrator } from "../service.ts";
import { planLoad } from "../scheduler/placement.ts";
import { isComingAt } from "../scheduler/residency.ts";
import { type Place, placeKey, type State } from "../scheduler/state.ts";
import { holdersOf, isAt, isPinned } from "../scheduler/workers.ts";

/** Pool and device that a request names for a model. */
interface Asked {
  readonly pool_id?: string | undefined;
  readonly device?: string | undefined;
}

/** `/v2/models/{ref}/load|unload|pin|unpin`: which models an operator wants in memory. */
export function mountModels(app: App, { loop, store, clock }: Orchestrator): void {
  const placeOf = (ref: string, asked: Asked): Place => {
    const { fingerprint } = loop.resolve(ref);
    checkPlace(loop.state, ref, fingerprint, asked);
    return { fingerprint, poolId: asked.pool_id, device: asked.device };
  };
  app.mount(routes.loadModel, ({ params, body }) => {
    const place = placeOf(params.ref, body);
    let waits: string | undefined;
    if (!isComingAt(loop.state, place)) {
      const plan = planLoad(loop.state, place, 0, clock.steady());
      if (plan.kind === "impossible") {
        throw new LlorchError(plan.code, `Cannot load ${params.ref}: ${plan.message}`, plan);
      }
      if (plan.kind === "wait") waits = plan.reason;
    }
    loop.send({ kind: "load", place });
    return { ...ACCEPTED, ...defined({ waits }) };
  });
  app.mount(routes.unloadModel, ({ params, body }) => {
    const place = placeOf(params.ref, body);
    const there = [...holdersOf(loop.state, place.fingerprint)].filter((each) => isAt(each, place));
    const isAsked = [...loop.state.spawns.values(), ...loop.state.wishes.values()]
      .some(({ fingerprint }) => fingerprint === place.fingerprint);
    if (there.length === 0 && !isAsked) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot unload ${params.ref}: it is not loaded${
          whereOf(body)
        }; GET /v2/models shows which models are`,
      );
    }
    if (there.some((worker) => isPinned(loop.state, worker))) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot unload ${params.ref}: it is pinned; unpin it first`,
      );
    }
    loop.send({ kind: "unload", place });
    return ACCEPTED;
  });
  app.mount(routes.pinModel, async ({ params, body }) => {
    const pin = { ...placeOf(params.ref, body), model: params.ref };
    await store.savePin(pin);
    loop.send({ kind: "pin", pin });
    return ACCEPTED;
  });
  app.mount(routes.unpinModel, async ({ params, body }) => {
    const { fingerprint } = loop.resolve(params.ref);
    const place = { fingerprint, poolId: body.pool_id, device: body.device };
    if (!loop.state.pins.has(placeKey(place))) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot unpin ${params.ref}: it is not pinned${whereOf(body)}${pinsOf(loop.state, place)}`,
      );
    }
    await store.removePin(place);
    loop.send({ kind: "unpin", place });
    return ACCEPTED;
  });
}

/** @throws {LlorchError} `NOT_FOUND` if the named pool or device does not exist or does not have the model */
function checkPlace(
  state: Readonly<State>,
  ref: string,
  fingerprint: string,
  { pool_id, device }: Asked,
): void {
  const having = [...state.pools.values()].filter(({ models }) =>
    models.some((model) => model.fingerprint === fingerprint)
  );
  const pools = pool_id === undefined ? having : having.filter(({ id }) => id === pool_id);
  if (pools.length === 0) {
    throw new LlorchError(
      "NOT_FOUND",
      `Cannot find ${ref} on pool "${pool_id}": pools that have it are ${list(having, "id")}`,
    );
  }
  if (device === undefined) return;
  const faults = pools.map((pool) => faultOfPlace(pool.devices, device));
  if (faults.includes(undefined)) return;
  const known = list(pools.flatMap((pool) => pool.devices), "id");
  const where = whereOf({ pool_id });
  throw new LlorchError(
    "NOT_FOUND",
    devicesOf(device).length === 1
      ? `Cannot find device "${device}"${where}: there are ${known}`
      : `Cannot use "${device}"${where}: a pool ${faults[0]}; there are ${known}`,
  );
}

function list<K extends string>(values: readonly Readonly<Record<K, string>>[], key: K): string {
  return [...new Set(values.map((value) => value[key]))].join(", ") || "none";
}

function whereOf({ pool_id, device }: Asked): string {
  return (device === undefined ? "" : ` on device ${device}`) +
    (pool_id === undefined ? "" : ` on pool ${pool_id}`);
}

/** Where else a model is pinned, to be added to a message; empty where it is not. */
function pinsOf(state: Readonly<State>, { fingerprint }: Place): string {
  const others = [...state.pins.values()].filter((pin) => pin.fingerprint === fingerprint);
  if (others.length === 0) return "";
  const places = others.map(({ poolId, device }) =>
    whereOf({ pool_id: poolId, device }) || " anywhere"
  );
  return `; it is pinned${places.join(" and")}`;
}
