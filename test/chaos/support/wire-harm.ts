import type { Chance } from '../../support/chance.ts';
import type { Link, Rule, TcpProxy } from '../../support/tcp-proxy.ts';

/**
 * What a network can do to those who talk over it. `chance` is that of each request, or answer, to be met.
 *
 * - `delay`: all bytes come later.
 * - `black-hole`: nothing passes, and nobody hears of it; in the end it goes on, or all connections turn out to be broken.
 * - `cut`: all connections break at once.
 * - `cut-behind-request`: the server has the request, the client gets no answer.
 * - `lose-commit`: what the server answers to a commit, or to a statement that commits by itself, is lost with the connection.
 * - `cut-in-answer`: half of the answer arrives.
 */
export type WireHarm =
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'black-hole'; readonly end: 'resume' | 'cut' }
  | { readonly kind: 'cut' }
  | { readonly kind: 'cut-behind-request' | 'lose-commit' | 'cut-in-answer'; readonly chance: number };

/** Does the harm from now on, until what it gives is called. */
export function strike(proxy: TcpProxy, harm: WireHarm, chance: Pick<Chance, 'hits'>): () => void {
  switch (harm.kind) {
    case 'delay':
      proxy.delayMs = harm.ms;
      return () => {
        proxy.delayMs = 0;
      };
    case 'black-hole':
      proxy.hang();
      return () => {
        proxy.resume();
        if (harm.end === 'cut') proxy.cut();
      };
    case 'cut':
      proxy.cut();
      return () => undefined;
    default:
      proxy.rule = rules[harm.kind](() => chance.hits(harm.chance));
      return () => {
        proxy.rule = () => 'pass';
      };
  }
}

type MetRule = (isMet: () => boolean) => Rule;

const rules = {
  'cut-behind-request':
    (isMet) =>
    ({ to }) =>
      to === 'server' && isMet() ? 'pass-and-cut' : 'pass',
  'cut-in-answer':
    (isMet) =>
    ({ to }) =>
      to === 'client' && isMet() ? 'pass-half-and-cut' : 'pass',
  'lose-commit': (isMet) => {
    const committing = new WeakSet<Link>();
    return ({ bytes, to, link }) => {
      if (to === 'server') {
        if (bytes.includes('COMMIT')) committing.add(link);
        return 'pass';
      }
      const commits = committing.delete(link) || completesStatement(bytes);
      return commits && isMet() ? 'hold-and-cut' : 'pass';
    };
  },
} as const satisfies Record<string, MetRule>;

/**
 * PostgreSQL's CommandComplete: `C`, four bytes of length, the command. One of a statement that only reads is met too, which does no harm.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
function completesStatement(bytes: Buffer): boolean {
  return /C\0\0\0.(?:INSERT|UPDATE|DELETE|SELECT)/s.test(bytes.toString('latin1'));
}
