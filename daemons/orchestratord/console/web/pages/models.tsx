import type {
  FailedLoad,
  ModelFit,
  ModelView,
  PoolView,
  UnusableModelView,
} from "#shared/contracts/mod.ts";
import { oneLine } from "#shared/printable.ts";
import { useState } from "preact/hooks";
import { call, segment } from "../api.ts";
import { formatBytes, formatCount, formatThings, formatTime } from "../format.ts";
import { useFetch, useThrottled } from "../hooks.ts";
import { heardWorkers, MODEL_STATES, modelState } from "../model_state.ts";
import { labelOf, nameOf } from "../names.ts";
import { useLive } from "../live.ts";
import { useNow } from "../now.ts";
import { Badge } from "../parts/badge.tsx";
import { Catalog } from "../parts/catalog.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Name } from "../parts/name.tsx";
import { attempt } from "../parts/notices.tsx";
import { Empty, Table } from "../parts/table.tsx";
import { useIsOperator } from "../session.ts";
import { isHeard, poolWord } from "../words.ts";

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
  const [text, setText] = useState("");
  const [state, setState] = useState("");
  const heard = heardWorkers(fleet);
  const models = value?.models ?? [];
  const shown = models.filter((model) =>
    (state === "" || modelState(model, heard) === state) &&
    [model.model_ref, ...model.aliases].some((name) =>
      name.toLowerCase().includes(text.trim().toLowerCase())
    )
  ).toSorted((one, other) =>
    Number(other.loaded) - Number(one.loaded) || (labelOf(one) < labelOf(other) ? -1 : 1)
  );
  return (
    <>
      {error && <p class="bad-text" role="alert">{error}</p>}
      {models.length === 0
        ? value && <Empty>No pool has a model yet: the list below says how to download one.</Empty>
        : (
          <form class="filters" onSubmit={(event) => event.preventDefault()}>
            <label>
              Name
              <input
                type="search"
                value={text}
                onInput={(event) => setText(event.currentTarget.value)}
              />
            </label>
            <label>
              State
              <select value={state} onChange={(event) => setState(event.currentTarget.value)}>
                <option value="">any</option>
                {MODEL_STATES.map((each) => <option key={each}>{each}</option>)}
              </select>
            </label>
          </form>
        )}
      {models.length > 0 && shown.length === 0 && <Empty>There are no such models.</Empty>}
      <div class="cards wide">
        {shown.map((model) => (
          <Model
            key={model.fingerprint}
            model={model}
            state={modelState(model, heard)}
            onChanged={refresh}
          />
        ))}
      </div>
      <Unusable files={value?.unusable ?? []} />
      {value && <Catalog models={models} />}
      <h2>Pools</h2>
      <Pools pools={fleet?.pools ?? []} />
    </>
  );
}

function Model({ model, state, onChanged }: {
  model: ModelView;
  state: string;
  onChanged: () => void;
}) {
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
        {aliases.length > 0 && aliases.length <= FEW && (
          <>
            {" · also "}
            <Names of={aliases} />
          </>
        )}
      </p>
      {aliases.length > FEW && (
        <details class="small">
          <summary>Also {otherNames(aliases)}</summary>
          <ul class="names" tabIndex={0} aria-label={`Other names of ${label}`}>
            {aliases.map((name) => (
              <li key={name}>
                <Name>{name}</Name>
              </li>
            ))}
          </ul>
        </details>
      )}
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
      {model.failed_loads?.map((failed) => <Failed key={failed.pool_id} failed={failed} />)}
      <Fits
        fits={(model.fit ?? []).filter(({ pool_id, fits }) =>
          fits === "loaded" || !model.failed_loads?.some((failed) => failed.pool_id === pool_id)
        )}
        hasFailed={model.failed_loads !== undefined}
      />
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

/** Where a model could not be loaded, and when that is tried again. */
function Failed({ failed: { pool_id, retry_at, error } }: { failed: FailedLoad }) {
  const isOver = useNow() >= Date.parse(retry_at);
  const next = isOver ? "next try with the next job" : `next try ${formatTime(retry_at)}`;
  return (
    <p class="bad-text small">
      Load failed on {pool_id}, {next}: <Name>{error}</Name>
    </p>
  );
}

/** `under 2 other names and in 28 other files`: the name of a file is its path. */
function otherNames(names: readonly string[]): string {
  const files = names.filter((name) => name.startsWith("file:")).length;
  const called = names.length - files;
  return [
    ...(called > 0 ? [`under ${formatThings(called, "other name")}`] : []),
    ...(files > 0 ? [`in ${formatThings(files, "other file")}`] : []),
  ].join(" and ");
}

/** Other names that a card shows at once. */
const FEW = 3;

/** Where a figure of memory is from. */
const SOURCES = {
  engine: " (by llama.cpp)",
  formula: " (by a formula)",
  measured: "",
} as const;

/** Files in the models folders that no worker can load; the same file on several pools is one row. */
function Unusable({ files }: { files: readonly UnusableModelView[] }) {
  if (files.length === 0) return null;
  const byFile = new Map<string, UnusableModelView[]>();
  for (const file of files) {
    const key = `${file.name}\n${file.reason}`;
    byFile.set(key, [...byFile.get(key) ?? [], file]);
  }
  return (
    <details>
      <summary>
        <h2>{formatThings(byFile.size, "file")} cannot be used</h2>
      </summary>
      <Table label="Files that cannot be used" head={["File", "Pools", "Reason"]}>
        {[...byFile].map(([key, same]) => (
          <tr key={key}>
            <td class="name">
              <Name>{same[0]!.name}</Name>
            </td>
            <td class="id">{[...new Set(same.map(({ pool_id }) => pool_id))].join(", ")}</td>
            <td class="name">
              <Name>{same[0]!.reason}</Name>
            </td>
          </tr>
        ))}
      </Table>
    </details>
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

/** What it means for a model to fit so. */
const FIT_WORDS: Readonly<Record<ModelFit["fits"], string>> = {
  loaded: "loaded",
  now: "fits",
  evicting: "after unloading",
  later: "later",
  never: "too large",
};

/** Where a model fits, once for each way in which it does. */
function Fits({ fits, hasFailed }: { fits: readonly ModelFit[]; hasFailed: boolean }) {
  if (fits.length === 0) {
    if (hasFailed) return null;
    return <p class="small dim">No pool that has it can be reached or is in service.</p>;
  }
  const kinds = [...new Set(fits.map((each) => each.fits))];
  return (
    <ul class="fits small">
      {kinds.map((kind) => (
        <li key={kind}>
          <Badge>{FIT_WORDS[kind]}</Badge>
          <ul>
            {fits.filter((each) => each.fits === kind).map((each) => (
              <li key={`${each.pool_id} ${each.device}`}>
                {each.pool_id}, {each.device}{" "}
                <span class="dim">
                  ({formatBytes(each.free_bytes)} free){each.reason && (
                    <>
                      : <Name>{each.reason}</Name>
                    </>
                  )}
                </span>
              </li>
            ))}
          </ul>
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
              {pool_id}, {device}
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
      {(model.loaded || model.loading) && (
        <button
          type="button"
          aria-label={`Unload ${name}`}
          onClick={() => act("unload", `${name} will be unloaded`)}
        >
          Unload
        </button>
      )}
      <button
        type="button"
        aria-label={`Pin ${name}`}
        onClick={() => act("pin", `${name} is pinned`)}
      >
        Pin
      </button>
      {model.pinned && (
        <button
          type="button"
          aria-label={`Unpin ${name}`}
          onClick={() => act("unpin", `${name} is no longer pinned`)}
        >
          Unpin
        </button>
      )}
    </div>
  );
}

function Pools({ pools }: { pools: readonly PoolView[] }) {
  const [asked, ask] = useState<string>();
  const now = useNow();
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
        {pools.map((pool) => {
          const { pool_id: id, status, workers, models } = pool;
          const isOut = status === "draining" || status === "drained";
          return (
            <tr key={id}>
              <td class="id">{id}</td>
              <td>
                <Badge>{poolWord(pool, now)}</Badge>
              </td>
              <td class="number">{isHeard(pool) ? workers.length : "–"}</td>
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
