import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const aptMsMax = 10 * 60_000;
const servicePolicy = '/usr/sbin/policy-rc.d';

let previous: Promise<unknown> = Promise.resolve();

/** Installs a Debian package where that is this process's to do: as root on Debian or its kin. Gives the reason where it did not. */
export function installPackage(name: string): Promise<string | undefined> {
  // One after another: apt lets nobody else in while it works.
  const installed = previous.then(() => tryInstall(name));
  previous = installed;
  return installed;
}

async function tryInstall(name: string): Promise<string | undefined> {
  if (!existsSync('/etc/debian_version') || !existsSync('/usr/bin/apt-get')) {
    return `\`${name}\` was not installed: not a Debian`;
  }
  if (process.getuid?.() !== 0) return `\`${name}\` was not installed: not root`;
  console.error(`Installing the Debian package ${name}, since the tests need its server …`);
  try {
    await withoutServices(async () => {
      // One broken source among several fails this, and need not matter.
      await apt('update').catch(() => undefined);
      await apt('install', '--yes', '--no-install-recommends', name);
    });
    return undefined;
  } catch (error) {
    return `apt could not install \`${name}\`: ${lastLines(error)}`;
  }
}

async function apt(...args: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // Two test runs may start at once.
  const options = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', '--quiet'];
  await promisify(execFile)('apt-get', [...options, ...args], { env, timeout: aptMsMax, maxBuffer: 64 * 1024 ** 2 });
}

/** The packages start a server of their own; the tests neither use it nor want it to run. Debian asks this file (invoke-rc.d(8)). */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  if (existsSync(servicePolicy)) return work();
  await writeFile(servicePolicy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    await rm(servicePolicy);
  }
}

function lastLines(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return stderr === '' ? String(error) : stderr.split('\n').slice(-3).join(' ');
}
