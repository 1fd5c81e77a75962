/** `PATH` with the folder in which CUDA's packages leave nvcc without telling anybody. */
export function toolPath(): Record<string, string> {
  const cuda = `${Deno.env.get("CUDA_HOME") || "/usr/local/cuda"}/bin`;
  return { PATH: `${Deno.env.get("PATH") ?? "/usr/bin:/bin"}:${cuda}` };
}
