import { among, listed, statement } from './text.ts';

export type LedgerColumns = readonly [
  bucket: number,
  seq: Uint8Array,
  accepted: number,
  open: number,
  done: number,
  failed: number,
  cancelled: number,
  uncertain: number,
  purged: number,
];

/** ledger's primary key, at a place that chance chose. Locks nothing that exists. */
export const addToLedger = (rows: readonly LedgerColumns[]) =>
  statement(
    'INSERT INTO ledger (bucket, seq, accepted, open, done, failed, cancelled, uncertain, purged) VALUES ?',
    rows,
  );

/** Walks ledger's primary key, and locks what it gives; rows that others are adding or folding are passed over. */
export const foldable = (bucket: number, limit: number) =>
  statement(
    `SELECT seq, accepted, open, done, failed, cancelled, uncertain, purged FROM ledger FORCE INDEX (PRIMARY)
    WHERE bucket = ? ORDER BY seq LIMIT ? FOR UPDATE SKIP LOCKED`,
    bucket,
    limit,
  );

/** ledger's primary key, one row for each, all of which this transaction has locked. */
export const deleteFolded = (bucket: number, seqs: readonly Uint8Array[]) =>
  statement(`DELETE ledger FROM ${among('ledger', 'seq')}`, listed(seqs), bucket);
