import { sharedPostgres } from "../../testing/postgres_home.ts";
import { storeCases } from "../../testing/store_cases.ts";
import { WHY_NO_POSTGRES } from "../../../../tests/support/postgres.ts";

const postgres = sharedPostgres();

storeCases("PostgreSQL", () => {
  const { open, run } = postgres.home();
  return Promise.resolve({
    open,
    failWrites: async () => {
      await run(NO_ROOM);
      let isRepaired: Promise<void> | undefined;
      return () => isRepaired ??= run(ROOM);
    },
    remove: () => Promise.resolve(),
  });
}, WHY_NO_POSTGRES);

const TABLES = [
  ...["events", "responses", "files", "file_parts", "batches", "batch_results", "images"],
  "image_parts",
];

/** Lets each write of these tables fail as on a full disk. */
const NO_ROOM = `
  CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$;
  ${
  TABLES.map((table) =>
    `CREATE TRIGGER no_room BEFORE INSERT OR UPDATE OR DELETE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION no_room();`
  ).join("\n")
}`;

const ROOM = `DROP FUNCTION no_room CASCADE`;
