import {
  bytes,
  choice,
  custom,
  duration,
  integer,
  isTarget,
  list,
  parseDatabaseUrls,
  parseShards,
  type Setting,
  text,
} from './config/kinds.ts';
import { type Fault, PunctualError } from './timer/errors.ts';

type AnySetting =
  | Setting<never>
  | Setting<string>
  | Setting<number>
  | Setting<readonly string[]>
  | Setting<readonly number[]>
  | Setting<readonly (string | undefined)[]>;

/** Every setting of Punctual. docs/config.md has the same table (a test compares). */
export const settings = {
  host: text({
    env: 'HOST',
    default: '127.0.0.1',
    allowed: 'an address or host name',
    pattern: /^[\w.:-]+$/,
    meaning: 'Address to listen on. Beyond loopback there is no access control yet: put a proxy in front.',
  }),
  port: integer({
    env: 'PORT',
    default: 8080,
    min: 0,
    max: 65_535,
    meaning: 'Port to listen on; 0 takes any free one.',
  }),
  hosts: list({
    env: 'HOSTS',
    default: '',
    allowed: 'host names or addresses without ports, by commas',
    isEntry: (entry) => /^([\w.-]+|\[[\da-f:.]+\])$/i.test(entry),
    meaning:
      'Host names that requests may name besides those of loopback. Without any, a service beyond loopback takes all.',
  }),
  connectionsMax: integer({
    env: 'CONNECTIONS_MAX',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    meaning: 'Connections of clients at once; more are closed as they come.',
  }),
  databaseUrls: custom<readonly (string | undefined)[]>({
    env: 'DATABASE_URL',
    secret: true,
    default: ['sqlite:./punctual.db'],
    defaultText: 'sqlite:./punctual.db',
    allowed: 'sqlite:PATH, postgres://…, mysql://…; several by commas, the place of one that is gone left empty',
    parse: parseDatabaseUrls,
    meaning: 'Where timers are stored. Several databases share them; each keeps its place in the list for good.',
  }),
  dbHost: text({
    env: 'DB_HOST',
    default: '',
    allowed: 'a host name or address',
    pattern: /^[\w.:-]+$/,
    meaning: 'Host of a MySQL or MariaDB server, instead of DATABASE_URL. So are the other DB_ settings.',
  }),
  dbPort: integer({ env: 'DB_PORT', default: 3306, min: 1, max: 65_535, meaning: 'Port of that server.' }),
  dbUser: text({
    env: 'DB_USER',
    default: 'root',
    allowed: 'a name',
    pattern: /^.+$/,
    meaning: 'User on that server.',
  }),
  dbPassword: text({
    env: 'DB_PASSWORD',
    secret: true,
    default: '',
    allowed: 'any text',
    pattern: /^.*$/,
    meaning: 'Password of that user.',
  }),
  dbName: text({
    env: 'DB_NAME',
    default: 'timer_db',
    allowed: 'a name of at most 64 characters',
    pattern: /^.{1,64}$/,
    meaning: 'Database on that server; it is made where it is missing.',
  }),
  drainShards: custom<readonly number[]>({
    env: 'DRAIN_SHARDS',
    default: [],
    defaultText: 'none',
    allowed: 'places in DATABASE_URL, the first is 0, by commas',
    parse: parseShards,
    meaning: 'Databases that get no new timers, until they are empty and can be removed.',
  }),
  buckets: integer({
    env: 'BUCKETS',
    default: 0,
    min: 0,
    max: 256,
    meaning: 'Slices of a database that is made now; 0 for 1, or 32 on Citus. Fixed from then on.',
  }),
  retryNumber: integer({
    env: 'RETRY_NUMBER',
    default: 0,
    min: 0,
    max: 1_000_000,
    meaning: 'After so many failed tries to reach the database the process ends with 1; 0 for never.',
  }),
  reconnectWaitMs: duration({
    env: 'RECONNECT_WAIT_TIME',
    default: '5s',
    min: '10ms',
    max: '10m',
    bare: 's',
    meaning: 'The longest pause between two tries to reach the database; a number alone counts seconds.',
  }),
  batchMax: integer({
    env: 'BATCH_SIZE',
    default: 500,
    min: 1,
    max: 10_000,
    meaning: 'Timers that a controller claims, or settles, in one statement at most.',
  }),
  logLevel: choice({
    env: 'LOG_LEVEL',
    default: 'info',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    meaning: 'The least important log lines that are written.',
  }),
  logFormat: choice({
    env: 'LOG_FORMAT',
    default: 'auto',
    choices: ['auto', 'json', 'pretty'],
    meaning: 'Log lines as JSON or for people; auto: for people on a terminal, else JSON.',
  }),
  echo: choice({
    env: 'ECHO',
    default: 'auto',
    choices: ['auto', 'on', 'off'],
    meaning: 'The built-in receiver at /echo; auto: only when listening on loopback.',
  }),
  shutdownGraceMs: duration({
    env: 'SHUTDOWN_GRACE',
    default: '20s',
    min: '0ms',
    max: '1h',
    meaning: 'How long calls on the wire may go on after SIGTERM or SIGINT.',
  }),

  urlCharsMax: integer({
    env: 'URL_CHARS_MAX',
    default: 2_048,
    min: 16,
    max: 65_536,
    meaning: 'Longest URL of a timer.',
  }),
  bodyBytesMax: bytes({
    env: 'BODY_BYTES_MAX',
    default: '256KiB',
    min: '1KiB',
    max: '16MiB',
    meaning: 'Largest request to create or change one timer.',
  }),
  batchBytesMax: bytes({
    env: 'BATCH_BYTES_MAX',
    default: '8MiB',
    min: '1KiB',
    max: '64MiB',
    meaning: 'Largest request to create a batch.',
  }),
  headersMax: integer({ env: 'HEADERS_MAX', default: 50, min: 0, max: 200, meaning: 'Most headers of a timer.' }),
  headerBytesMax: bytes({
    env: 'HEADER_BYTES_MAX',
    default: '8KiB',
    min: '1KiB',
    max: '64KiB',
    meaning: 'All headers of a timer together.',
  }),
  delayMsMax: duration({
    env: 'DELAY_MAX',
    default: '3653d',
    min: '1s',
    max: '36500d',
    meaning: 'How far ahead a timer may be due (ten years).',
  }),
  pastMsMax: duration({
    env: 'PAST_MAX',
    default: '1m',
    min: '0ms',
    max: '1d',
    meaning: 'A due time this far in the past fires at once; an older one is refused.',
  }),
  tagsMax: integer({ env: 'TAGS_MAX', default: 20, min: 0, max: 100, meaning: 'Most tags of a timer.' }),
  attemptsMax: integer({
    env: 'ATTEMPTS_MAX',
    default: 100,
    min: 1,
    max: 1_000,
    meaning: 'Most attempts that a retry policy may ask for.',
  }),
  timeoutMsDefault: duration({
    env: 'TIMEOUT',
    default: '15s',
    min: '1ms',
    max: '1h',
    meaning: 'Deadline of a call that sets none.',
  }),
  timeoutMsMax: duration({
    env: 'TIMEOUT_MAX',
    default: '5m',
    min: '1s',
    max: '1h',
    meaning: 'Longest deadline that a timer may set.',
  }),

  insertQueueMax: integer({
    env: 'INSERT_QUEUE_MAX',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    meaning: 'Creates that may wait to be stored; more are refused with 503.',
  }),
  insertQueueBytesMax: bytes({
    env: 'INSERT_QUEUE_BYTES_MAX',
    default: '64MiB',
    min: '1MiB',
    max: '256MiB',
    meaning: 'The size of all creates that may wait to be stored; more are refused with 503.',
  }),
  insertWaitMsMax: duration({
    env: 'INSERT_WAIT_MAX',
    default: '2s',
    min: '10ms',
    max: '1m',
    meaning: 'A create that has waited this long to be stored is refused with 503.',
  }),
  databaseBytesMax: bytes({
    env: 'DATABASE_BYTES_MAX',
    default: '0',
    min: '0',
    max: '999999999GiB',
    meaning: 'Largest size of the SQLite file; 0 for no limit but the disk. Beyond it creates get 503.',
  }),

  horizonMs: duration({
    env: 'HORIZON',
    default: '500ms',
    min: '10ms',
    max: '2s',
    meaning: 'How long before it is due a timer is claimed. From then on it cannot be cancelled.',
  }),
  leaseMs: duration({
    env: 'LEASE',
    default: '6s',
    min: '5s',
    max: '5m',
    meaning:
      "How long a claim holds: a dead controller's timers fire at most this much later while the store answers in time.",
  }),
  pollMs: duration({
    env: 'POLL_INTERVAL',
    default: '200ms',
    min: '5ms',
    max: '500ms',
    meaning: 'The longest pause between two looks for due timers.',
  }),
  heldMax: integer({
    env: 'HELD_MAX',
    default: 4_096,
    min: 1,
    max: 100_000,
    meaning: 'Timers that a controller has in hand at once.',
  }),
  callsMax: integer({ env: 'CALLS_MAX', default: 512, min: 1, max: 10_000, meaning: 'Calls on the wire at once.' }),
  callsPerDestinationMax: integer({
    env: 'CALLS_PER_DESTINATION_MAX',
    default: 64,
    min: 1,
    max: 10_000,
    meaning: 'Calls on the wire at once to one destination.',
  }),
  callsPerSecondPerDestination: integer({
    env: 'CALLS_PER_SECOND_PER_DESTINATION',
    default: 0,
    min: 0,
    max: 1_000_000,
    meaning: 'Calls a second to one destination; 0 for no limit.',
  }),
  blockedTargets: list({
    env: 'BLOCKED_TARGETS',
    // Beyond link-local: where AWS over IPv6 and Alibaba Cloud tell a machine its credentials.
    default: 'link-local,fd00:ec2::254,100.100.100.200',
    allowed: 'CIDR ranges, addresses, or loopback, private, link-local, …, by commas',
    isEntry: isTarget,
    meaning: 'Addresses that are never called. Block loopback and private too where strangers may create timers.',
  }),
  historyMs: duration({
    env: 'HISTORY',
    default: '7d',
    min: '1m',
    max: '3650d',
    meaning: 'How long ended timers are kept, with their idempotency keys.',
  }),
} satisfies Record<string, AnySetting>;

export type SettingName = keyof typeof settings;

/** Every setting with its value. Spans are milliseconds, sizes bytes. */
export type Config = { readonly [Name in SettingName]: (typeof settings)[Name]['default'] };

/** What the command line said, by the names of the settings. */
export type Flags = Readonly<Partial<Record<SettingName, string | undefined>>>;

/** The flag of a setting, without the dashes. */
export function flagOf(name: SettingName): string {
  return settings[name].env.toLowerCase().replaceAll('_', '-');
}

/**
 * Reads all settings: a flag wins over the environment, and that over the default. `flags` has the names of the settings. Throws
 * `invalid_configuration` with every fault at once.
 */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>, flags: Flags): Config {
  const faults: Fault[] = [];
  const values = Object.entries(settings).map(([name, setting]) => {
    const flag = flags[name as SettingName];
    // An empty variable is as good as none: that is how compose files and shells say "not set".
    const given = flag ?? (environment[setting.env] || undefined);
    if (given === undefined) return [name, setting.default];
    const value = setting.parse(given);
    const pointer = flag === undefined ? setting.env : `--${flagOf(name as SettingName)}`;
    const shown = setting.secret
      ? 'is not allowed (it is not shown, it may hold a password)'
      : `is ${JSON.stringify(given)}`;
    if (value === undefined) faults.push({ pointer, detail: `${shown}; allowed: ${setting.allowed}` });
    return [name, value];
  });
  const config = withOriginalNames(Object.fromEntries(values) as Config, environment, flags);
  faults.push(...faultsBetween(config));
  if (faults.length > 0) throw new PunctualError('invalid_configuration', { faults });
  return config;
}

/** The database as the original system's settings name it, where DATABASE_URL does not. */
function withOriginalNames(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
  flags: Flags,
): Config {
  const isNamed = flags.databaseUrls ?? environment[settings.databaseUrls.env];
  if (isNamed || !config.dbHost) return config;
  const [user, password, name] = [config.dbUser, config.dbPassword, config.dbName].map((part) =>
    encodeURIComponent(part ?? ''),
  );
  const host = config.dbHost.includes(':') ? `[${config.dbHost}]` : config.dbHost;
  return { ...config, databaseUrls: [`mysql://${user}:${password}@${host}:${config.dbPort}/${name}`] };
}

/** Rules between settings. One that is wrong by itself is undefined here, and breaks none of them. */
function faultsBetween(config: Config): Fault[] {
  const faults: Fault[] = [];
  for (const shard of config.drainShards ?? []) {
    if (config.databaseUrls && !config.databaseUrls[shard])
      faults.push({ pointer: 'DRAIN_SHARDS', detail: `names ${shard}, where DATABASE_URL has no database` });
  }
  const files = (config.databaseUrls ?? []).filter((url) => url?.startsWith('sqlite:'));
  if (files.length > 0 && config.databaseUrls.length > 1)
    faults.push({
      pointer: 'DATABASE_URL',
      detail: 'has several databases, of which one is a file: name servers alone',
    });
  if (config.timeoutMsDefault > config.timeoutMsMax)
    faults.push({ pointer: 'TIMEOUT', detail: 'is longer than TIMEOUT_MAX' });
  if (config.pollMs > config.horizonMs)
    faults.push({ pointer: 'POLL_INTERVAL', detail: 'is longer than HORIZON: timers would be late' });
  if (config.callsPerDestinationMax > config.callsMax) {
    faults.push({ pointer: 'CALLS_PER_DESTINATION_MAX', detail: 'is more than CALLS_MAX' });
  }
  return faults;
}
