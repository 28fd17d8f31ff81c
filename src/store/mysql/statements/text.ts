import { format, type SqlValue } from 'mysql2';

// What the statements of this folder have in common. All run at READ COMMITTED, where InnoDB locks rows and never the gaps between them. What
// a statement locks it keeps to the end of its transaction. Values are written into the text by mysql2, which is exact while sql_mode is the
// one of session.ts. Where many rows are asked for by their keys the index is forced, since of a table that was small when it was last counted the
// optimizer thinks that reading it whole is cheaper, and that would wait for every lock in it. (A DELETE takes such a hint in its form for
// several tables only.)

/** The 16 bytes of a timer's id. */
export type Id = Uint8Array;

/** The text with the values in the places of its question marks. */
export const statement = (text: string, ...values: unknown[]): string => format(text, values as SqlValue[]);

/** Columns in the order of a TimerRow. */
export const openColumns = `id, tenant, \`key\`, due_at, retry_at, claim_at, owner, claim, begun, attempts_made, attempts_max,
  url, attempts, spec, body, NULL`;

/** A timer's id in hexadecimal digits and the claim number under which it is to be found; more columns behind. */
export type Given = readonly [hex: string, claim: number, ...more: unknown[]];

/**
 * Timers joined with rows of a JSON array (`Given`, the first parameter; the second is the bucket), so that the statement's text stays the
 * same. The join begins with what is given and finds each timer by its primary key, whatever the optimizer thinks that JSON_TABLE returns.
 */
export const givenTimers = (columns = '') =>
  `JSON_TABLE(?, '$[*]' COLUMNS (hex CHAR(32) PATH '$[0]', claim INT UNSIGNED PATH '$[1]'${columns})) AS given
  STRAIGHT_JOIN timers FORCE INDEX (PRIMARY) ON timers.bucket = ? AND timers.id = UNHEX(given.hex)`;
