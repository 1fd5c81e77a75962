import { join } from "node:path";

/** Paths of PEM files. */
export type Certificates = Readonly<Record<"cert" | "key" | "ca", string>>;

/** Whether openssl is installed, which makes the certificates. */
export const HAS_OPENSSL: boolean = hasOpenssl();

/**
 * Runs a test with a new certificate authority and a certificate that it signed for 127.0.0.1 and
 * localhost.
 */
export async function withCertificates(
  test: (certificates: Certificates) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const path = (name: string) => join(dir, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  try {
    await openssl(
      "req",
      "-x509",
      ...newKey,
      ...["-keyout", path("ca.key"), "-out", path("ca.pem")],
      ...[
        "-days",
        "2",
        "-subj",
        "/CN=an authority for tests",
      ],
    );
    await openssl(
      "req",
      ...newKey,
      ...["-keyout", path("key.pem"), "-out", path("request.pem")],
      ...[
        "-subj",
        "/CN=localhost",
      ],
    );
    await Deno.writeTextFile(path("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    await openssl("x509", "-req", ...["-in", path("request.pem"), "-out", path("cert.pem")], ...[
      ...["-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial"],
      ...["-days", "2", "-extfile", path("names")],
    ]);
    await Deno.chmod(path("key.pem"), 0o600);
    await test({ cert: path("cert.pem"), key: path("key.pem"), ca: path("ca.pem") });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, stdin: "null" }).output();
  if (!success) throw new Error(`openssl ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}

function hasOpenssl(): boolean {
  try {
    return new Deno.Command("openssl", { args: ["version"] }).outputSync().success;
  } catch {
    return false;
  }
}
