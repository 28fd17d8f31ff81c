import type { FleetPlan, MemberRole } from './fleet-plan.ts';
import { type Memory, memoryOf } from './memory.ts';
import { type ProcessGuard, startProcessGuard } from './process-guard.ts';
import { freePort, type Service, startService } from './service.ts';

/** How long a process may take to end in order after SIGTERM, in milliseconds: its grace, and some more. */
const stopMsMax = 30_000;
const outputCharsMax = 3_000;

/** A moment at which a process was killed or stopped. */
export interface Interruption {
  readonly name: string;
  readonly pid: number;
  readonly what: 'killed' | 'paused';
  /** Milliseconds since the epoch, just before the signal. */
  readonly at: number;
}

interface Member {
  readonly name: string;
  readonly role: MemberRole;
  /** The same after each start. */
  readonly port: number;
  service: Service | undefined;
  paused: boolean;
  peakMb: number;
}

export interface FleetOptions {
  readonly plan: FleetPlan;
  /** A file, or what DATABASE_URL says. */
  readonly database: { readonly databasePath: string } | { readonly databaseUrl: string };
  /** More settings, by environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Told of each process as soon as there is one. */
  readonly onStart?: (pid: number) => void;
}

/** Punctual's processes on one store, each known by its name and signalled by its id. They end with this process at the latest. */
export class ProcessFleet {
  readonly interruptions: Interruption[] = [];
  /** Those that ended though nobody told them to, with what they wrote. */
  readonly endedByThemselves: string[] = [];
  readonly #options: FleetOptions;
  readonly #guard: ProcessGuard = startProcessGuard();
  readonly #members: ReadonlyMap<string, Member>;

  private constructor(options: FleetOptions, members: readonly Member[]) {
    this.#options = options;
    this.#members = new Map(members.map((member) => [member.name, member]));
  }

  /** Starts them all at the same time, on a database that may be empty, and waits until they are ready. */
  static async start(options: FleetOptions): Promise<ProcessFleet> {
    const ports = new Set<number>();
    while (ports.size < Object.keys(options.plan).length) ports.add(await freePort());
    const free = ports.values();
    const members = Object.entries(options.plan).map(([name, role]) => {
      return { name, role, port: free.next().value!, service: undefined, paused: false, peakMb: 0 };
    });
    const fleet = new ProcessFleet(options, members);
    try {
      await Promise.all(Object.keys(options.plan).map((name) => fleet.start(name)));
      return fleet;
    } catch (error) {
      await fleet.end();
      throw error;
    }
  }

  names(role: MemberRole): string[] {
    return [...this.#members.values()].filter((member) => member.role === role).map(({ name }) => name);
  }

  /** Where the members of the role listen, whether they run or not. */
  urls(role: MemberRole): string[] {
    return this.names(role).map((name) => this.url(name));
  }

  url(name: string): string {
    return `http://127.0.0.1:${this.#of(name).port}`;
  }

  pid(name: string): number | undefined {
    return this.#of(name).service?.child.pid;
  }

  /** Whether it runs, and is not stopped by SIGSTOP. */
  isRunning(name: string): boolean {
    const { service, paused } = this.#of(name);
    return service !== undefined && !paused;
  }

  async start(name: string): Promise<void> {
    const member = this.#of(name);
    if (member.service) throw new Error(`${name} runs already`);
    const { database, env = {}, onStart } = this.#options;
    const { role, port } = member;
    const onSpawn = (pid: number) => {
      this.#guard.started(pid);
      onStart?.(pid);
    };
    const service = await startService({ ...database, env, role, port, onSpawn });
    member.service = service;
    member.paused = false;
    service.child.once('exit', (code, signal) => {
      this.#guard.ended(service.child.pid!);
      if (member.service === service) this.endedByThemselves.push(`${name} (${code ?? signal}): ${service.output()}`);
    });
  }

  /** SIGKILL, and waits for the end. */
  async kill(name: string): Promise<Interruption> {
    const member = this.#of(name);
    await this.#noteMemory(member);
    const interruption = this.#note(member, 'killed');
    await this.#end(member, 'SIGKILL');
    return interruption;
  }

  /** SIGSTOP: it stands still until `resume`. */
  pause(name: string): Interruption {
    const member = this.#of(name);
    const interruption = this.#note(member, 'paused');
    member.service!.child.kill('SIGSTOP');
    member.paused = true;
    return interruption;
  }

  /** SIGCONT, where it is still the process that was paused. */
  resume({ name, pid }: Interruption): void {
    const member = this.#of(name);
    if (member.service?.child.pid !== pid) return;
    member.service.child.kill('SIGCONT');
    member.paused = false;
  }

  /** SIGTERM, and waits for the end; gives the exit code, null where it had to be killed since it took too long. */
  async stop(name: string): Promise<number | null> {
    const member = this.#of(name);
    const { service } = member;
    if (!service) return 0;
    await this.#noteMemory(member);
    if (member.paused) service.child.kill('SIGCONT');
    const late = setTimeout(() => service.child.kill('SIGKILL'), stopMsMax);
    const code = await this.#end(member, 'SIGTERM');
    clearTimeout(late);
    return code;
  }

  /** By name, the most memory that each has had so far in any of its runs, and what it has now. */
  async memory(): Promise<Record<string, Memory>> {
    const read = [...this.#members.values()].map(async (member) => {
      const nowMb = await this.#noteMemory(member);
      return [member.name, { nowMb, peakMb: member.peakMb }] as const;
    });
    return Object.fromEntries(await Promise.all(read));
  }

  /** The end of what those wrote that run, or have ended by themselves. */
  output(): string {
    const all = [...this.#members.values()].flatMap(({ name, service }) => (service ? [[name, service.output()]] : []));
    return all.map(([name, text]) => `--- ${name}\n${text!.slice(-outputCharsMax)}`).join('\n');
  }

  /** Ends all of them: in order, or at once. */
  async end(how: 'in order' | 'at once' = 'at once'): Promise<void> {
    if (how === 'in order') await Promise.all([...this.#members.keys()].map((name) => this.stop(name)));
    await Promise.all([...this.#members.values()].map((member) => this.#end(member, 'SIGKILL')));
    await this.#guard.release();
  }

  async #end(member: Member, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const { service } = member;
    member.service = undefined;
    return service ? service.end(signal) : null;
  }

  #of(name: string): Member {
    const member = this.#members.get(name);
    if (!member) throw new Error(`there is no ${name}`);
    return member;
  }

  #note({ name, service }: Member, what: Interruption['what']): Interruption {
    if (!service) throw new Error(`${name} does not run`);
    const interruption = { name, pid: service.child.pid!, what, at: Date.now() };
    this.interruptions.push(interruption);
    return interruption;
  }

  async #noteMemory(member: Member): Promise<number> {
    const memory = member.service && (await memoryOf(member.service.child.pid!));
    member.peakMb = Math.max(member.peakMb, memory?.peakMb ?? 0);
    return memory?.nowMb ?? 0;
  }
}
