import { format, type SqlValue } from 'mysql2';

// What the statements of this folder have in common. All run at READ COMMITTED, where InnoDB locks rows and never the gaps between them. What
// a statement locks it keeps to the end of its transaction. Values are written into the text by mysql2, which is exact while sql_mode is the
// one of session.ts.

/** The 16 bytes of a timer's id. */
export type Id = Uint8Array;

/** The text with the values in the places of its question marks. */
export const statement = (text: string, ...values: unknown[]): string => format(text, values as SqlValue[]);

/** Columns in the order of a TimerRow. */
export const openColumns = `id, tenant, \`key\`, due_at, retry_at, claim_at, owner, claim, begun, attempts_made, attempts_max,
  url, attempts, spec, body, NULL`;

/** A timer's id in hexadecimal digits and the claim number under which it is to be found; more columns behind. */
export type Given = readonly [hex: string, claim: number, ...more: unknown[]];

const found = (columns: string, table: string, key: string) =>
  `JSON_TABLE(?, '$[*]' COLUMNS (${columns})) AS given
  STRAIGHT_JOIN ${table} FORCE INDEX (PRIMARY) ON ${table}.bucket = ? AND ${key}`;

/**
 * The rows of a table that are named by the rows of a JSON array (the first parameter; the second is the bucket), in the array's order. The
 * join begins with what is given and finds each by its whole primary key. A list (`id IN (…)`) would be up to the optimizer: of a table that
 * was small when it was last counted it thinks that reading a bucket from end to end is cheaper, which waits for every lock in it.
 */
export const among = (table: 'timers' | 'history' | 'ledger', key: 'id' | 'seq' = 'id') =>
  found("hex CHAR(32) PATH '$[0]'", table, `${table}.${key} = UNHEX(given.hex)`);

/** The parameter for `among`. */
export const listed = (ids: readonly Uint8Array[]): string => JSON.stringify(ids.map((id) => [id.toHex()]));

/** As `among`, for timers under the claims that are given with them (`Given`), with more columns behind. */
export const givenTimers = (columns = '') =>
  found(
    `hex CHAR(32) PATH '$[0]', claim INT UNSIGNED PATH '$[1]'${columns}`,
    'timers',
    'timers.id = UNHEX(given.hex) AND timers.claim = given.claim',
  );

/** That an owner, the statement's next parameter, holds a timer. */
export const isHeld = 'timers.held = 1 AND timers.owner = ?';

/** A key as one process and another call it. */
export interface KeyName {
  readonly tenant: string;
  readonly key: string;
}

/** As `among`, for idempotency keys. */
export const amongKeys = found(
  "tenant_hex VARCHAR(2040) PATH '$[0]', key_hex VARCHAR(2040) PATH '$[1]'",
  '`keys`',
  '`keys`.tenant = UNHEX(given.tenant_hex) AND `keys`.`key` = UNHEX(given.key_hex)',
);

/** The parameter for `amongKeys`. */
export const listedKeys = (names: readonly KeyName[]): string =>
  JSON.stringify(names.map(({ tenant, key }) => [Buffer.from(tenant).toHex(), Buffer.from(key).toHex()]));
