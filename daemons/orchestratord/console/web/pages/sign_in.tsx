import type { SessionView } from "#shared/contracts/mod.ts";
import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "../api.ts";

/** Asks for a key and signs the browser in. */
export function SignInPage({ onSignedIn }: { onSignedIn: (session: SessionView) => void }) {
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Sign in · llorch";
    input.current?.focus();
  }, []);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      onSignedIn(
        await call<SessionView>("POST", "/v2/session", { key: input.current!.value.trim() }),
      );
    } catch (error) {
      setError((error as Error).message);
      input.current?.select();
    }
    setBusy(false);
  };
  return (
    <main class="sign-in">
      <h1>
        <img src="console/icon.svg" alt="" width="28" height="28" /> llorch
      </h1>
      <form onSubmit={submit}>
        <label>
          API key
          <input
            ref={input}
            type="password"
            name="key"
            required
            autocomplete="current-password"
            aria-describedby="sign-in-help"
            aria-invalid={error !== undefined}
          />
        </label>
        <p id="sign-in-help" class="dim small">
          A key from{" "}
          <code>orchestratord keys create</code>, or the admin token, which the daemons share.
        </p>
        {error && <p class="bad-text" role="alert">{error}</p>}
        <button type="submit" class="primary" disabled={isBusy}>Sign in</button>
      </form>
    </main>
  );
}
