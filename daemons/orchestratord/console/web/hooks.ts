import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ApiError, call } from "./api.ts";
import { useReturns } from "./live.ts";

/** What a page has fetched. After a failed fetch it has both the earlier value and the error. */
export interface Fetched<T> {
  readonly value: T | undefined;
  readonly error: string | undefined;
  readonly refresh: () => void;
}

/**
 * Fetches a path, and again when it or `version` changes or the live feed reconnects, because events may
 * have been missed. The earlier value stays meanwhile, and replies that a later call has overtaken are
 * dropped.
 */
export function useFetch<T>(path: string, version?: unknown): Fetched<T> {
  const [state, set] = useState<{ path: string; value?: T; error?: string }>({ path });
  const latest = useRef(0);
  const refresh = useCallback(() => {
    const mine = ++latest.current;
    call<T>("GET", path).then(
      (value) => mine === latest.current && set({ path, value }),
      ({ message: error }: ApiError) =>
        mine === latest.current &&
        set((before) => before.path === path ? { ...before, error } : { path, error }),
    );
  }, [path]);
  const returns = useReturns();
  useEffect(refresh, [refresh, version, returns]);
  useEffect(() => () => void latest.current++, []);
  const isMine = state.path === path;
  return {
    value: isMine ? state.value : undefined,
    error: isMine ? state.error : undefined,
    refresh,
  };
}

/** A value that follows a live value, but changes at most every `ms`. */
export function useThrottled<T>(value: T, ms: number): T {
  const [shown, show] = useState(value);
  const latest = useRef(value);
  latest.current = value;
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      show(latest.current);
    }, ms);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return shown;
}

/** Whether the page is at most this wide, in rem. */
export function useNarrow(rem: number): boolean {
  const query = useMemo(() => matchMedia(`(max-width: ${rem}rem)`), [rem]);
  const [isNarrow, set] = useState(query.matches);
  useEffect(() => {
    const changed = () => set(query.matches);
    changed();
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, [query]);
  return isNarrow;
}

/** The fragment of the page's address, without `#`. */
export function useHash(): string {
  const [hash, set] = useState(location.hash.slice(1));
  useEffect(() => {
    const changed = () => set(location.hash.slice(1));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash;
}
