import type { CreatedKey, KeyLimits, KeyView } from "#shared/contracts/mod.ts";
import { oneLine } from "#shared/printable.ts";
import { useState } from "preact/hooks";
import { call, segment } from "../api.ts";
import { formatCount, formatTime } from "../format.ts";
import { useFetch } from "../hooks.ts";
import { Badge } from "../parts/badge.tsx";
import { Code } from "../parts/copy.tsx";
import { Confirm, Dialog } from "../parts/dialog.tsx";
import { attempt, notify } from "../parts/notices.tsx";
import { Name } from "../parts/name.tsx";
import { Empty, Table } from "../parts/table.tsx";

const LIMITS: readonly (readonly [name: keyof KeyLimits, label: string])[] = [
  ["requests_per_minute", "Requests per minute"],
  ["concurrent_jobs", "Concurrent jobs"],
  ["tokens_per_day", "Tokens per day"],
  ["unsafe_requests_per_hour", "Unsafe requests per hour"],
];

/** API keys with their roles and limits. */
export function KeysPage() {
  const { value, error, refresh } = useFetch<{ keys: readonly KeyView[] }>("/v2/keys");
  const [created, setCreated] = useState<CreatedKey>();
  const [revoking, setRevoking] = useState<KeyView>();
  const revoke = async ({ key_id, name }: KeyView) => {
    setRevoking(undefined);
    await attempt(() => call("DELETE", `/v2/keys/${segment(key_id)}`), `${name} is revoked`);
    refresh();
  };
  return (
    <>
      {error && <p class="bad-text" role="alert">{error}</p>}
      {value?.keys.length === 0
        ? (
          <Empty>
            There are no keys. Only the admin token, if there is one, gives access.
          </Empty>
        )
        : <KeyTable keys={value?.keys ?? []} onRevoke={setRevoking} />}
      <h2>New key</h2>
      <NewKey
        onCreated={(key) => {
          setCreated(key);
          refresh();
        }}
      />
      {created && (
        <Dialog title={`Key ${created.name}`} onClose={() => setCreated(undefined)}>
          <p>The key is shown only once. Copy it now.</p>
          <Code text={created.secret} label="The key" />
          <div class="actions">
            <button type="button" class="primary" onClick={() => setCreated(undefined)}>
              I have it
            </button>
          </div>
        </Dialog>
      )}
      {revoking && (
        <Confirm
          title={`Revoke ${revoking.name}?`}
          text="Calls with this key are refused from now on. This cannot be undone."
          action="Revoke the key"
          onYes={() => revoke(revoking)}
          onNo={() => setRevoking(undefined)}
        />
      )}
    </>
  );
}

function KeyTable(
  { keys, onRevoke }: { keys: readonly KeyView[]; onRevoke: (key: KeyView) => void },
) {
  const head = [
    "Name",
    "Id",
    "Role",
    "Status",
    "Limits",
    "#Tokens today",
    "Last used",
    "Expires",
    "Actions",
  ];
  return (
    <Table label="API keys" head={head}>
      {keys.map((key) => (
        <tr key={key.key_id}>
          <td class="name">
            <Name>{key.name}</Name>
          </td>
          <td class="id">{key.key_id}</td>
          <td>{key.role}</td>
          <td>
            <Badge>{key.status}</Badge>
          </td>
          <td class="small">
            {LIMITS.every(([name]) => key.limits[name] === undefined) && "unlimited"}
            {LIMITS.filter(([name]) => key.limits[name] !== undefined).map(([name, label]) => (
              <div key={name}>{label}: {formatCount(key.limits[name]!)}</div>
            ))}
          </td>
          <td class="number">{formatCount(key.tokens_today)}</td>
          <td>{key.last_used_at ? formatTime(key.last_used_at) : "never"}</td>
          <td>{key.expires_at ? formatTime(key.expires_at) : "never"}</td>
          <td>
            {key.status === "active" && (
              <button
                type="button"
                aria-label={oneLine(`Revoke ${key.name}`)}
                onClick={() => onRevoke(key)}
              >
                Revoke
              </button>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}

function NewKey({ onCreated }: { onCreated: (key: CreatedKey) => void }) {
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const text = (name: string) => String(data.get(name) ?? "").trim();
    const limits = Object.fromEntries(
      LIMITS.filter(([name]) => text(name) !== "").map(([name]) => [name, Number(text(name))]),
    );
    const expires = text("expires");
    try {
      onCreated(
        await call<CreatedKey>("POST", "/v2/keys", {
          name: text("name"),
          role: text("role"),
          limits,
          ...(expires ? { expires_at: new Date(`${expires}T23:59:59`).toISOString() } : {}),
        }),
      );
      form.reset();
    } catch (error) {
      notify((error as Error).message, true);
    }
  };
  return (
    <form class="grid-form" onSubmit={submit}>
      <label>
        Name<input name="name" required maxLength={100} />
      </label>
      <label>
        Role
        <select name="role">
          <option value="client">client: sends jobs</option>
          <option value="operator">operator: everything</option>
          <option value="pool">pool: a pool manager</option>
        </select>
      </label>
      <label>
        Expires<input name="expires" type="date" />
      </label>
      {LIMITS.map(([name, label]) => (
        <label key={name}>
          {label}
          <input name={name} type="number" min={1} step={1} placeholder="unlimited" />
        </label>
      ))}
      <button type="submit" class="primary">Create key</button>
    </form>
  );
}
