import type { ModelFit, ModelView, PoolView, UnusableModelView } from "#shared/contracts/mod.ts";
import { oneLine } from "#shared/printable.ts";
import { useState } from "preact/hooks";
import { call, segment } from "../api.ts";
import { formatBytes, formatCount } from "../format.ts";
import { useFetch, useThrottled } from "../hooks.ts";
import { labelOf, nameOf } from "../names.ts";
import { useLive } from "../live.ts";
import { Badge } from "../parts/badge.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Name } from "../parts/name.tsx";
import { attempt } from "../parts/notices.tsx";
import { Empty, Table } from "../parts/table.tsx";
import { useIsOperator } from "../session.ts";

/** Shortest time between two fetches of the list, in ms; it is fetched only when workers or pools changed. */
const FRESH_MS = 1_000;

/** How long running streams may stay on a drained pool, in ms. */
const DRAIN_MS = 600_000;

interface Models {
  readonly models: readonly ModelView[];
  readonly unusable: readonly UnusableModelView[];
}

/** Models, where they are loaded and where they would fit; and pools, to drain them. */
export function ModelsPage() {
  const { fleet, activities } = useLive();
  const version = useThrottled(`${activities[0]?.id} ${JSON.stringify(fleet?.workers)}`, FRESH_MS);
  const { value, error, refresh } = useFetch<Models>(
    "/v2/models?fit=true",
    version,
  );
  return (
    <>
      {error && <p class="bad-text" role="alert">{error}</p>}
      {value?.models.length === 0 && (
        <Empty>
          No pool has a model yet. Run <code>llorch models download</code> on a host to get one.
        </Empty>
      )}
      <div class="cards wide">
        {value?.models.map((model) => (
          <Model key={model.fingerprint} model={model} onChanged={refresh} />
        ))}
      </div>
      <Unusable files={value?.unusable ?? []} />
      <h2>Pools</h2>
      <Pools pools={fleet?.pools ?? []} />
    </>
  );
}

function Model({ model, onChanged }: { model: ModelView; onChanged: () => void }) {
  const isElsewhere = model.elsewhere !== undefined && model.size_bytes === 0;
  const state = model.loaded
    ? "loaded"
    : model.loading
    ? "loading"
    : isElsewhere
    ? "elsewhere"
    : "on disk";
  const label = oneLine(labelOf(model));
  const others = (names: readonly string[]) =>
    names.filter((name) => name !== nameOf(model) && name !== model.model_ref);
  // Ambiguous names are listed below.
  const aliases = others(model.aliases).filter((name) => !model.ambiguous_aliases.includes(name));
  return (
    <article class="card" aria-label={`Model ${label}`}>
      <h3>
        <Name>{label}</Name> <Badge>{state}</Badge>
        {model.pinned && <Badge>pinned</Badge>}
      </h3>
      <p class="dim small name">
        <Name>{model.model_ref}</Name>
        {aliases.length > 0 && (
          <>
            {" · also "}
            <Names of={aliases} />
          </>
        )}
      </p>
      <Size model={model} />
      {model.elsewhere?.map(({ host, is_outside }) => (
        <p key={host} class={is_outside ? "bad-text small" : "small"}>
          {is_outside ? "Prompts leave this network: they go to " : "Prompts go to "}
          <Name>{host}</Name>
        </p>
      ))}
      {model.ambiguous_aliases.length > 0 && (
        <p class="bad-text small">
          Another model claims these names too: <Names of={model.ambiguous_aliases} />
        </p>
      )}
      {model.load_error && (
        <p class="bad-text small">
          The last load failed: <Name>{model.load_error}</Name>
        </p>
      )}
      <Fits fits={model.fit ?? []} />
      <Actions model={model} onChanged={onChanged} />
    </article>
  );
}

function Size({ model }: { model: ModelView }) {
  // A server elsewhere says neither.
  const isHere = model.size_bytes > 0 || model.estimated_bytes > 0;
  return (
    <p class="small">
      {model.architecture}
      {isHere && (
        <>
          , {formatBytes(model.size_bytes)} on disk, about {formatBytes(model.estimated_bytes)}{" "}
          in memory{SOURCES[model.estimated_by ?? "measured"]}
        </>
      )}
      {model.context_length > 0 && <>, context of {formatCount(model.context_length)} tokens</>}
    </p>
  );
}

/** Where a figure of memory is from. */
const SOURCES = {
  engine: " (by llama.cpp)",
  formula: " (by a formula)",
  measured: "",
} as const;

/** Files in the models folders that no worker can load. */
function Unusable({ files }: { files: readonly UnusableModelView[] }) {
  if (files.length === 0) return null;
  return (
    <>
      <h2>Files that cannot be used</h2>
      <Table label="Files that cannot be used" head={["File", "Pool", "Reason"]}>
        {files.map(({ name, path, pool_id, reason }) => (
          <tr key={`${pool_id} ${path ?? name}`}>
            <td>
              <Name>{name}</Name>
            </td>
            <td class="id">{pool_id}</td>
            <td>
              <Name>{reason}</Name>
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

function Names({ of: names }: { of: readonly string[] }) {
  return (
    <>
      {names.map((name, index) => (
        <>
          {index > 0 && ", "}
          <Name>{name}</Name>
        </>
      ))}
    </>
  );
}

function Fits({ fits }: { fits: readonly ModelFit[] }) {
  if (fits.length === 0) {
    return <p class="small dim">Every pool that has it is out of service or cannot be reached.</p>;
  }
  const words = {
    loaded: "loaded",
    now: "now",
    evicting: "evicting",
    later: "later",
    never: "never",
  };
  return (
    <ul class="fits small">
      {fits.map(({ pool_id, device, fits, free_bytes, reason }) => (
        <li key={`${pool_id} ${device}`}>
          <Badge>{words[fits]}</Badge> {device} of {pool_id}{" "}
          <span class="dim">
            ({formatBytes(free_bytes)} free){reason && (
              <>
                : <Name>{reason}</Name>
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Actions({ model, onChanged }: { model: ModelView; onChanged: () => void }) {
  const [place, setPlace] = useState("");
  const isOperator = useIsOperator();
  if (!isOperator) return null;
  const name = oneLine(labelOf(model));
  const [pool_id, device] = place.split(" ");
  const body = place === "" ? {} : { pool_id, device };
  const act = async (action: string, done: string) => {
    await attempt(
      () => call("POST", `/v2/models/${segment(model.model_ref)}/${action}`, body),
      done,
    );
    onChanged();
  };
  return (
    <div class="actions">
      <label class="inline">
        <span class="small">Where</span>
        <select
          aria-label={`Where, for ${name}`}
          value={place}
          onChange={(event) => setPlace(event.currentTarget.value)}
        >
          <option value="">anywhere</option>
          {model.fit?.map(({ pool_id, device }) => (
            <option key={`${pool_id} ${device}`} value={`${pool_id} ${device}`}>
              {device} of {pool_id}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        aria-label={`Load ${name}`}
        onClick={() => act("load", `${name} will be loaded`)}
      >
        Load
      </button>
      <button
        type="button"
        aria-label={`Unload ${name}`}
        disabled={!model.loaded && !model.loading}
        onClick={() => act("unload", `${name} will be unloaded`)}
      >
        Unload
      </button>
      <button
        type="button"
        aria-label={`Pin ${name}`}
        onClick={() => act("pin", `${name} is pinned`)}
      >
        Pin
      </button>
      <button
        type="button"
        aria-label={`Unpin ${name}`}
        disabled={!model.pinned}
        onClick={() => act("unpin", `${name} is no longer pinned`)}
      >
        Unpin
      </button>
    </div>
  );
}

function Pools({ pools }: { pools: readonly PoolView[] }) {
  const [asked, ask] = useState<string>();
  const isOperator = useIsOperator();
  if (pools.length === 0) return <Empty>No pool is known yet.</Empty>;
  const post = (id: string, action: string, done: string, body?: unknown) =>
    attempt(() => call("POST", `/v2/pools/${segment(id)}/${action}`, body), done);
  return (
    <>
      <Table
        label="Pools"
        head={["Pool", "Status", "#Workers", "#Models", ...(isOperator ? ["Actions"] : [])]}
      >
        {pools.map(({ pool_id: id, status, workers, models }) => {
          const isOut = status === "draining" || status === "drained";
          return (
            <tr key={id}>
              <td class="id">{id}</td>
              <td>
                <Badge>{status}</Badge>
              </td>
              <td class="number">{workers.length}</td>
              <td class="number">{models}</td>
              {isOperator && (
                <td>
                  {isOut
                    ? (
                      <button
                        type="button"
                        aria-label={`Return ${id} to service`}
                        onClick={() => post(id, "undrain", `${id} is back in service`)}
                      >
                        Return to service
                      </button>
                    )
                    : (
                      <button type="button" aria-label={`Drain ${id}`} onClick={() => ask(id)}>
                        Drain
                      </button>
                    )}
                </td>
              )}
            </tr>
          );
        })}
      </Table>
      {asked !== undefined && (
        <Confirm
          title={`Drain pool ${asked}?`}
          text="It gets no new jobs. Running streams have ten minutes to end, and after that go on elsewhere; then its workers stop. It stays out of service until you return it."
          action="Drain the pool"
          onYes={() => {
            ask(undefined);
            post(asked, "drain", `${asked} takes no new work`, { deadline_ms: DRAIN_MS });
          }}
          onNo={() => ask(undefined)}
        />
      )}
    </>
  );
}
