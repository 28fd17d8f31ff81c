import { type DatabaseServer, type ServerEngine, ServerUnavailable } from './database-server.ts';
import { type DockerEngine, dockerProblem, startInDocker } from './docker-server.ts';
import { findProgram } from './find-program.ts';
import { installPackage } from './install.ts';
import { type LocalEngine, startLocally } from './local-server.ts';

/** The ways to an engine's server. */
export interface ServerSources {
  readonly engine: ServerEngine;
  /** Of these programs one is enough. */
  readonly programs: readonly string[];
  /** What has the programs on Debian. */
  readonly debianPackage: string;
  local(program: string): LocalEngine | Promise<LocalEngine>;
  readonly docker: DockerEngine;
}

/**
 * Starts a private server: with a program of this machine, one that apt installs, or in Docker, in this order. Rejects with
 * {@link ServerUnavailable} and what was tried where none can be had, and with the server's log where there is one that
 * does not start.
 */
export async function startServer(sources: ServerSources): Promise<DatabaseServer> {
  const { engine, programs } = sources;
  const tried: string[] = [];
  const program = findProgram(...programs) ?? (await installProgram(sources, tried));
  if (program !== undefined) return startLocally(await sources.local(program));
  const problem = await dockerProblem();
  if (problem === undefined) return startInDocker(sources.docker);
  throw new ServerUnavailable(engine, [`no ${programs.join(' or ')}`, ...tried, problem]);
}

async function installProgram(sources: ServerSources, tried: string[]): Promise<string | undefined> {
  const problem = await installPackage(sources.debianPackage);
  if (problem !== undefined) tried.push(problem);
  return findProgram(...sources.programs);
}
