import type { ModelView, SessionView } from "#shared/contracts/mod.ts";
import type { ComponentType } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type ApiError, call, whenSignedOut } from "./api.ts";
import { useFetch, useHash } from "./hooks.ts";
import { follow, useLive } from "./live.ts";
import { BatchesPage } from "./pages/batches.tsx";
import { EventsPage } from "./pages/events.tsx";
import { JobPage } from "./pages/job.tsx";
import { JobsPage } from "./pages/jobs.tsx";
import { KeysPage } from "./pages/keys.tsx";
import { ModelsPage } from "./pages/models.tsx";
import { OverviewPage } from "./pages/overview.tsx";
import { PlaygroundPage } from "./pages/playground.tsx";
import { ResponsesPage } from "./pages/responses.tsx";
import { SignInPage } from "./pages/sign_in.tsx";
import { WorkerPage } from "./pages/worker.tsx";
import { Boundary } from "./parts/boundary.tsx";
import { Missing } from "./parts/missing.tsx";
import { Name } from "./parts/name.tsx";
import { Notices } from "./parts/notices.tsx";
import { pause, waitMs } from "./reconnect.ts";
import { NamesContext } from "./model_names.ts";
import { shownNames } from "./names.ts";
import { SessionContext } from "./session.ts";
import { forget } from "./talk.ts";

/** A page of the console. */
interface Page {
  /** Its name in the address. */
  readonly path: string;
  readonly title: string;
  readonly View: ComponentType;
  readonly isForOperators?: boolean;
}

const PAGES: readonly Page[] = [
  { path: "", title: "Overview", View: OverviewPage },
  { path: "jobs", title: "Jobs", View: JobsPage },
  { path: "batches", title: "Batches", View: BatchesPage },
  { path: "responses", title: "Responses", View: ResponsesPage },
  { path: "models", title: "Models", View: ModelsPage },
  { path: "playground", title: "Playground", View: PlaygroundPage },
  { path: "events", title: "Events", View: EventsPage },
  { path: "keys", title: "Keys and limits", View: KeysPage, isForOperators: true },
];

/** Asks who is signed in, and shows the console or the page to sign in. */
export function App() {
  const [session, setSession] = useState<SessionView | null>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    whenSignedOut(() => setSession(null));
    const away = new AbortController();
    const look = async () => {
      for (let failures = 0; !away.signal.aborted; failures++) {
        try {
          return setSession(await call<SessionView>("GET", "/v2/session"));
        } catch (error) {
          const { status, message, retryAfterMs } = error as ApiError;
          if (status === 401) return;
          setError(message);
          await pause(waitMs(failures, retryAfterMs, Math.random()), away.signal);
        }
      }
    };
    look();
    return () => away.abort();
  }, []);
  if (session === null) return <SignInPage onSignedIn={setSession} />;
  if (session) return <Console session={session} onSignedOut={() => setSession(null)} />;
  return <p class="opening" role="status">{error ?? "Opening the console…"}</p>;
}

/** What an address stands for. */
interface Place {
  /** The page, or the one that the job or worker belongs to; undefined: there is nothing. */
  readonly page?: Page;
  /** Id of a job. */
  readonly job?: string;
  readonly worker?: { readonly pool: string; readonly id: string };
}

function placeOf(hash: string, pages: readonly Page[], isOperator: boolean): Place {
  const [, first = "", id = "", more = ""] = hash.split("/");
  if (first === "workers" && isOperator) {
    const [pool, worker] = [decoded(id), decoded(more)];
    return pool && worker ? { page: PAGES[0]!, worker: { pool, id: worker } } : {};
  }
  const page = pages.find(({ path }) => path === first);
  if (!page || id === "") return page ? { page } : {};
  const job = page.path === "jobs" ? decoded(id) : undefined;
  return job === undefined ? {} : { page, job };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function Console({ session, onSignedOut }: { session: SessionView; onSignedOut: () => void }) {
  useEffect(follow, []);
  useEffect(() => forget, []);
  const hash = useHash();
  const names = useNames();
  const pages = PAGES.filter((page) => !page.isForOperators || session.role === "operator");
  const { page, job, worker } = placeOf(hash, pages, session.role === "operator");
  const title = job !== undefined
    ? "Job"
    : worker !== undefined
    ? "Worker"
    : page?.title ?? "Not found";
  const heading = useRef<HTMLHeadingElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${title} · llorch`;
    // After a link, screen readers announce the new page; on opening the console, focus stays at the top.
    if (!isFirst.current) heading.current?.focus();
    isFirst.current = false;
  }, [title, job, worker?.id]);
  const signOut = async () => {
    await call("DELETE", "/v2/session").catch(() => {});
    onSignedOut();
  };
  return (
    <SessionContext.Provider value={session}>
      <NamesContext.Provider value={names}>
        <a class="skip" href="#content" onClick={(event) => skip(event, heading.current)}>
          Skip to the content
        </a>
        <header class="bar">
          <a class="brand" href="#/">
            <img src="console/icon.svg" alt="" width="22" height="22" /> llorch
          </a>
          <nav aria-label="Pages">
            {pages.map(({ path, title }) => (
              <a href={`#/${path}`} aria-current={path === page?.path ? "page" : undefined}>
                {title}
              </a>
            ))}
          </nav>
          <div class="who">
            <Connection />
            {!session.is_open && (
              <>
                <span title={`Role: ${session.role}`}>
                  <Name>{session.name ?? "admin token"}</Name>
                </span>
                <button type="button" class="quiet" onClick={signOut}>Sign out</button>
              </>
            )}
          </div>
        </header>
        <main>
          <h1 ref={heading} tabIndex={-1}>{title}</h1>
          <Boundary place={hash}>
            {worker !== undefined
              ? <WorkerPage {...worker} />
              : job !== undefined
              ? <JobPage id={job} />
              : page
              ? <page.View />
              : (
                <Missing
                  title={/^\/jobs\//.test(hash) ? "There is no such job" : "There is no such page"}
                  href="#/"
                  link="To the overview"
                />
              )}
          </Boundary>
        </main>
        <Notices />
      </NamesContext.Provider>
    </SessionContext.Provider>
  );
}

/** The shown names of all models, fetched again when a pool comes, goes or has other models. */
function useNames(): ReadonlyMap<string, string> {
  const { fleet } = useLive();
  const pools = fleet?.pools.map((pool) => `${pool.pool_id} ${pool.models}`).join();
  const { value } = useFetch<{ models: readonly ModelView[] }>("/v2/models", pools);
  return useMemo(() => shownNames(value?.models ?? []), [value]);
}

/** Moves the focus to the content. A usual anchor would change the address, which selects the page. */
function skip(event: Event, heading: HTMLElement | null): void {
  event.preventDefault();
  heading?.focus();
}

function Connection() {
  const { isConnected } = useLive();
  return (
    <span class={`connection ${isConnected ? "good" : "bad"}`} role="status">
      {isConnected ? "live" : "reconnecting…"}
    </span>
  );
}
