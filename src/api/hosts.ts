import { PunctualError } from '../timer/errors.ts';
import type { ApiApp } from './http.ts';

/**
 * Refuses requests that were sent to another host name than this service goes by. Without it any web page could drive a service on its
 * reader's machine: the page's own name is made to resolve to 127.0.0.1, and the browser takes both for the same site (DNS rebinding).
 * The names of loopback always do; `names` are those besides, without ports. What names no host (HTTP/1.0) comes from no browser.
 */
export function requireKnownHost(app: ApiApp, names: readonly string[]): void {
  const known = new Set(['localhost', '[::1]', ...names.map((name) => name.toLowerCase())]);
  // Almost every request repeats it.
  let acceptedLast: string | undefined;
  app.addHook('onRequest', (request, _reply, done) => {
    const { host } = request.headers;
    if (host === undefined || host === acceptedLast) return done();
    const name = host.replace(/:\d*$/, '').toLowerCase();
    if (!known.has(name) && !loopback.test(name)) return done(misdirected());
    acceptedLast = host;
    done();
  });
}

/** All of 127.0.0.0/8, and no name that merely begins so. */
const loopback = /^127(\.\d{1,3}){3}$/;

/** The name itself is not repeated: it is the attacker's. */
function misdirected(): PunctualError {
  return new PunctualError('misdirected_host', {
    message: 'The request was sent to a host name that this server does not go by: name it in HOSTS.',
  });
}
