import { type DatabaseServer, type ServerEngine, serverEngines } from './database-server.ts';
import { startTestServer, unavailableVariable, urlVariable } from './test-server.ts';

// What `node --test --test-global-setup` calls once, before and after all test files, which inherit the environment.

const servers: DatabaseServer[] = [];
const unavailable = new Map<ServerEngine, string>();

/** Starts the servers that the test files share, but for those whose URL the environment gives. */
export async function globalSetup(): Promise<void> {
  await Promise.all(serverEngines.map(provide));
}

async function provide(engine: ServerEngine): Promise<void> {
  if (process.env[urlVariable[engine]]) return;
  try {
    const server = await startTestServer(engine);
    servers.push(server);
    process.env[urlVariable[engine]] = server.url;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    unavailable.set(engine, reason);
    process.env[unavailableVariable[engine]] = reason;
  }
}

/** Stops the servers, and says which engines could not be had. An interrupted run calls this twice. */
export async function globalTeardown(): Promise<void> {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const [engine, reason] of unavailable) console.error(warning(engine, reason));
  // A build must not be green when half of the stores were never tried.
  if (unavailable.size > 0 && process.env.CI === 'true') process.exitCode = 1;
  unavailable.clear();
}

function warning(engine: ServerEngine, reason: string): string {
  const line = '!'.repeat(100);
  return `
${line}
NOT TESTED: ${engine}. Its tests were skipped, since no server could be had:

${reason}

Set ${urlVariable[engine]} to the URL of a server's administrator, or install its programs or Docker.
${line}
`;
}
