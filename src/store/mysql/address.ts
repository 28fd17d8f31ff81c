import type { ConnectionOptions, SslOptions } from 'mysql2';
import { PunctualError } from '../../timer/errors.ts';
import { withoutPassword } from '../address.ts';

/** Where a database is, and how to get in. */
export interface Address {
  /** For messages: the URL without the password. */
  readonly shown: string;
  /** The name of the database. */
  readonly name: string;
  /** What mysql2 needs to connect to the server, the database aside. */
  readonly server: ConnectionOptions;
}

/**
 * Reads `mysql://user:password@host:port/database`, or the same with `mariadb:`. Parameters: `ssl-mode` as MySQL's own programs know it
 * (`DISABLED`, `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`), and `socket`, the path of a socket on this machine. Throws `invalid_configuration`.
 */
export function parseAddress(url: string): Address {
  const parsed = URL.parse(url);
  if (!parsed || !['mysql:', 'mariadb:'].includes(parsed.protocol)) {
    throw invalid('the address of a MySQL or MariaDB database looks like mysql://user:password@host:3306/punctual');
  }
  const name = decodeURIComponent(parsed.pathname.slice(1));
  if (name === '' || name.includes('/')) throw invalid(`${withoutPassword(url)} must end in the name of a database`);
  const socketPath = parsed.searchParams.get('socket');
  const ssl = sslOf(parsed.searchParams.get('ssl-mode') ?? 'DISABLED');
  return {
    shown: withoutPassword(url),
    name,
    server: {
      user: decodeURIComponent(parsed.username),
      password: decodeURIComponent(parsed.password),
      ...(socketPath === null ? placeOf(parsed) : { socketPath }),
      ...(ssl && { ssl }),
    },
  };
}

function placeOf({ hostname, port }: URL): Pick<ConnectionOptions, 'host' | 'port'> {
  // An IPv6 address stands in brackets.
  return { host: hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1', port: port === '' ? 3306 : Number(port) };
}

const sslModes: Readonly<Record<string, SslOptions | undefined>> = {
  DISABLED: undefined,
  REQUIRED: { rejectUnauthorized: false },
  VERIFY_CA: { rejectUnauthorized: true },
  VERIFY_IDENTITY: { rejectUnauthorized: true, verifyIdentity: true },
};

function sslOf(mode: string): SslOptions | undefined {
  const name = mode.toUpperCase();
  if (Object.hasOwn(sslModes, name)) return sslModes[name];
  throw invalid(`ssl-mode must be ${Object.keys(sslModes).join(', ')}, not ${mode}`);
}

function invalid(message: string): PunctualError {
  return new PunctualError('invalid_configuration', { message });
}
