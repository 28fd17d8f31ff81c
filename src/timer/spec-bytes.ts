import type { Spec } from './timer.ts';

/**
 * The bytes of a spec, as limits on memory count them: URL, headers, body and tags in UTF-8. An engine that keeps specs packed may count
 * what it has packed instead.
 */
export function specBytes(spec: Spec): number {
  let bytes = Buffer.byteLength(spec.url);
  if (spec.body !== null) bytes += Buffer.byteLength(spec.body);
  for (const name in spec.headers) bytes += Buffer.byteLength(name) + Buffer.byteLength(spec.headers[name]!);
  for (const tag of spec.tags) bytes += Buffer.byteLength(tag);
  return bytes;
}
