import { errors } from 'undici';
import { RefusedAddress } from './target-guard.ts';

// Errors of sockets, resolvers, TLS and undici, in words for the person who looks at a timer. Never the errors' own messages: those may
// hold addresses, certificates' contents or what the receiver sent.

/** The code of the error with which calls are cut off when Punctual stops. */
export const stoppedCode = 'PUNCTUAL_STOPPED';

const beforeSending: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the name was not found',
  EAI_AGAIN: 'the name could not be looked up',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset before anything was sent',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_SOCKET: 'connection closed before anything was sent',
  [stoppedCode]: 'Punctual was stopped before anything was sent',
  UND_ERR_CLOSED: 'the sender is closed',
  UND_ERR_DESTROYED: 'the sender is closed',
  UND_ERR_INVALID_ARG: 'the call cannot be written as an HTTP request',
  ERR_TLS_CERT_ALTNAME_INVALID: 'TLS failed: the certificate is for another name',
  CERT_HAS_EXPIRED: 'TLS failed: the certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'TLS failed: the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'TLS failed: a certificate in the chain is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'TLS failed: the certificate cannot be verified',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'TLS failed: the issuer of the certificate is not known',
};

const afterSending: Readonly<Record<string, string>> = {
  ECONNRESET: 'connection reset before the answer was complete',
  EPIPE: 'connection closed before the answer was complete',
  ETIMEDOUT: 'connection lost before the answer was complete',
  UND_ERR_SOCKET: 'connection closed before the answer was complete',
  [stoppedCode]: 'Punctual was stopped before the answer came',
  UND_ERR_HEADERS_OVERFLOW: "the answer's headers are too large",
  // undici asserts what an answer must be: that its status is 100 at least.
  ERR_ASSERTION: 'the answer is not HTTP',
};

/** Why a call was not sent. */
export function unsentBecause(error: unknown): string {
  if (error instanceof RefusedAddress) return refusedBecause(error.range);
  const code = codeOf(error);
  const known = beforeSending[code];
  if (known) return known;
  if (/^(EPROTO$|ERR_TLS_|ERR_SSL_)|CERT|SIGNATURE/.test(code)) return `TLS failed (${code})`;
  return `connection failed (${code})`;
}

/** Why it is not known what became of a call. */
export function unknownBecause(error: unknown): string {
  // Its code may be missing: undici looks the name of the parser's error up by number in a table that has it by name.
  if (error instanceof errors.HTTPParserError) return 'the answer is not HTTP';
  // undici, which has no option for it, breaks the connection off on status 100 with just these words, and on nothing else that is on the wire.
  if (error instanceof errors.SocketError && error.message === 'bad response') {
    return 'the receiver sent 100 Continue unasked, which the HTTP client does not bear';
  }
  const code = codeOf(error);
  return afterSending[code] ?? `the exchange broke off (${code})`;
}

/** Why a call was blocked: the range, and nothing about the address. */
export function refusedBecause(range: string): string {
  return `the target guard refuses addresses in ${range}`;
}

/** The error's code if it looks like one, since some libraries put prose there. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'no code';
}
