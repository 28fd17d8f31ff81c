import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Destination } from '../timer/destination.ts';
import { PunctualError } from '../timer/errors.ts';
import { sharedLookup } from './shared-lookup.ts';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Part of the addresses that no call may go to, under the name that the operator gave it. */
interface Range {
  readonly name: string;
  has(address: Address): boolean;
}

export interface TargetGuardOptions {
  /**
   * What no call may go to: CIDR ranges (`10.0.0.0/8`, `fc00::/7`), single addresses, or names of special ranges as ipaddr.js has them, in
   * kebab-case (`link-local`, `loopback`, `private`, `unique-local`, `carrier-grade-nat`, `multicast`, `reserved`, …).
   */
  readonly refuse: readonly string[];
  /** Resolves names; the system's resolver unless a test brings its own. */
  readonly lookup?: LookupFunction;
}

/** The refusal of a name that resolves to a refused address: the error that a `lookup` ends with. */
export class RefusedAddress extends Error {
  /** The refused range, as the operator named it. */
  readonly range: string;

  constructor(range: string) {
    super(`an address in the refused range ${range}`);
    this.name = 'RefusedAddress';
    this.range = range;
  }
}

/** Verdicts about this many literal destinations are remembered; past it all are forgotten and computed anew. */
const verdictsMax = 10_000;

/**
 * Keeps calls away from addresses that a client must not reach through Punctual, such as a cloud's metadata service. Addresses written in
 * a URL are checked before connecting; those that a name stands for are checked in `lookup`, which the connection itself uses: it goes
 * to an address that was checked, so a name that resolves differently the second time (DNS rebinding) gains nothing.
 */
export class TargetGuard {
  readonly #ranges: readonly Range[];
  readonly #lookup: LookupFunction;
  readonly #verdicts = new Map<Destination, string | undefined>();

  /** Throws `invalid_configuration` for a range that it cannot read. */
  constructor(options: TargetGuardOptions) {
    this.#ranges = options.refuse.map(parseRange);
    this.#lookup = sharedLookup(options.lookup ?? (systemLookup as LookupFunction));
  }

  /** The name of the refused range in which the destination's literal address lies; undefined for a name or an address that is allowed. */
  refusedLiteral(destination: Destination): string | undefined {
    if (this.#verdicts.has(destination)) return this.#verdicts.get(destination);
    if (this.#verdicts.size >= verdictsMax) this.#verdicts.clear();
    const host = hostOf(destination);
    const verdict = ipaddr.isValid(host) ? this.#refused(host) : undefined;
    this.#verdicts.set(destination, verdict);
    return verdict;
  }

  /**
   * For `net.connect`, which asks it for names only, not for literal addresses. Fails with `RefusedAddress` if any address of the name is
   * refused: a name that mixes allowed and refused addresses is an attack or a mistake, and either way no target.
   */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    this.#lookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses = Array.isArray(found) ? found : [];
      if (error) return callback(error, '', 0);
      const range = addresses.map(({ address }) => this.#refused(address)).find((name) => name !== undefined);
      if (range !== undefined) return callback(new RefusedAddress(range), '', 0);
      if (options.all) return callback(null, addresses);
      callback(null, addresses[0]?.address ?? '', addresses[0]?.family ?? 0);
    });
  };

  #refused(text: string): string | undefined {
    if (this.#ranges.length === 0) return undefined;
    // Whatever cannot be read cannot be cleared.
    if (!ipaddr.isValid(text)) return 'unreadable';
    const meanings = meaningsOf(ipaddr.parse(text));
    return this.#ranges.find((range) => meanings.some((address) => range.has(address)))?.name;
  }
}

/** `[::1]:8080` and the like, without scheme, port and brackets. The URL standard has already turned odd spellings of IPv4 into the usual one. */
function hostOf(destination: Destination): string {
  const authority = destination.slice(destination.indexOf('//') + 2);
  if (authority.startsWith('[')) return authority.slice(1, authority.indexOf(']'));
  const portAt = authority.indexOf(':');
  return portAt < 0 ? authority : authority.slice(0, portAt);
}

/**
 * An address and, where an IPv6 address carries an IPv4 address that a network may translate it to, that one too: mapped (RFC 4291,
 * section 2.5.5.2), compatible (section 2.5.5.1 there), translated (RFC 2765), NAT64 (RFC 6052, section 2.1), 6to4 (RFC 3056, section 2)
 * and Teredo (RFC 4380, section 4: the server's, and the client's with its bits turned over).
 */
function meaningsOf(address: Address): Address[] {
  if (!(address instanceof ipaddr.IPv6)) return [address];
  const bytes = address.toByteArray();
  switch (address.range()) {
    case 'ipv4Mapped':
    case 'rfc6145':
    case 'rfc6052':
      return [address, new ipaddr.IPv4(bytes.slice(12))];
    case '6to4':
      return [address, new ipaddr.IPv4(bytes.slice(2, 6))];
    case 'teredo':
      return [address, new ipaddr.IPv4(bytes.slice(4, 8)), new ipaddr.IPv4(bytes.slice(12).map((byte) => byte ^ 0xff))];
    case 'unspecified':
    case 'loopback':
      return [address];
    default:
      return bytes.slice(0, 12).some((byte) => byte !== 0) ? [address] : [address, new ipaddr.IPv4(bytes.slice(12))];
  }
}

function parseRange(text: string): Range {
  if (ipaddr.isValidCIDR(text)) return cidrRange(text, text);
  if (ipaddr.isValid(text)) return cidrRange(text, `${text}/${text.includes(':') ? 128 : 32}`);
  const special = text.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  if (specialRanges.has(special)) {
    // To connect to the unspecified address (0.0.0.0, ::) is to connect to the machine itself.
    const specials = special === 'loopback' ? [special, 'unspecified'] : [special];
    return { name: text, has: (address) => specials.includes(address.range()) };
  }
  throw new PunctualError('invalid_configuration', {
    message: `${JSON.stringify(text)} is no CIDR range, no address and no name of a special range, such as link-local or 10.0.0.0/8`,
  });
}

function cidrRange(name: string, cidr: string): Range {
  const [base, bits] = ipaddr.parseCIDR(cidr);
  return { name, has: (address) => address.kind() === base.kind() && address.match(base, bits) };
}

const specialRanges = new Set<string>([
  'unspecified',
  'broadcast',
  'multicast',
  'linkLocal',
  'loopback',
  'carrierGradeNat',
  'private',
  'reserved',
  'uniqueLocal',
  'ipv4Mapped',
  '6to4',
  'teredo',
  'benchmarking',
]);
