import type { TimerId } from './id.ts';
import type { Spec } from './timer.ts';

/** Scheme, host and port of a URL, such as `https://example.com` or `http://127.0.0.1:8080`. */
export type Destination = string;

/** The destination of a URL in the form that `Spec.url` has (`URL.href`): all before the path's first slash. */
export function destinationOf(url: string): Destination {
  return url.slice(0, url.indexOf('/', url.indexOf('//') + 2));
}

/** The address of the call: the timer's URL with `/{id}` behind its path (one slash between, whatever slashes it ended in) and its query behind that. */
export function targetUrl(spec: Pick<Spec, 'url' | 'appendId'>, id: TimerId): string {
  if (!spec.appendId) return spec.url;
  const queryAt = spec.url.indexOf('?');
  const queryStart = queryAt < 0 ? spec.url.length : queryAt;
  let pathEnd = queryStart;
  while (spec.url[pathEnd - 1] === '/') pathEnd--;
  return `${spec.url.slice(0, pathEnd)}/${id}${spec.url.slice(queryStart)}`;
}
