import { Command, InvalidArgumentError, Option } from 'commander';
import { type DrillFlags, drillOptions, header, httpUrl, integer, listenAddress, victim } from './options.ts';

/** Wrong options end with the code for a drill that could not be held: 1 would say that the service failed it. */
const wrongOptions = 2;

/** `punctual drill` on the command line. */
export function drillCommand(): Command {
  const command = new Command('drill')
    .description('prove on a running service that its timers fire, once and on time, and do harm meanwhile if you like')
    .addOption(new Option('--url <url>', 'the API of the service').argParser(httpUrl).default('http://127.0.0.1:8080'))
    .addOption(new Option('--timers <n>', 'how many timers, 1 to 100000').argParser(integer(1, 100_000)).default(1_000))
    .addOption(new Option('--seconds <n>', 'over how long, 1 to 3600').argParser(integer(1, 3_600)).default(30))
    .addOption(
      new Option('--delivery <kind>', 'of the timers')
        .choices(['at-least-once', 'at-most-once', 'mixed'])
        .default('at-least-once'),
    )
    .addOption(
      new Option(
        '--listen <host[:port]>',
        "where the drill's receiver listens; without a port, on a free one, or that of --receiver-url",
      )
        .argParser(listenAddress)
        .default({ host: '127.0.0.1', port: 0 }, '127.0.0.1'),
    )
    .addOption(
      new Option('--receiver-url <url>', 'where the service finds that receiver, such as from a container').argParser(
        httpUrl,
      ),
    )
    .addOption(
      new Option('--kill <pid...>', 'processes to end by SIGKILL; who runs them must start them again').argParser(
        victim,
      ),
    )
    .addOption(new Option('--command <command>', "harm by a shell command, such as 'docker restart timer-db'"))
    .addOption(new Option('--harm-after <seconds>', 'when to do harm; halfway without').argParser(integer(0, 3_600)))
    .addOption(
      new Option('--patience <seconds>', 'how long to wait after the last timer was due, 1 to 3600')
        .argParser(integer(1, 3_600))
        .default(60),
    )
    .addOption(
      new Option('--header <header>', "'Name: value' for every request to the API; repeatable").argParser(header),
    )
    .addOption(new Option('--json', 'print one JSON object instead'))
    .addHelpText(
      'after',
      '\nExit code: 0 pass, 1 fail, 2 the drill could not be held, 130 stopped. More: docs/operating.md',
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : wrongOptions));
  return command.action(async (flags: DrillFlags) => {
    const options = checked(command, flags);
    // What a drill needs is not loaded by the service.
    const { runDrill } = await import('./run-drill.ts');
    await runDrill(options);
  });
}

function checked(command: Command, flags: DrillFlags) {
  try {
    return drillOptions(flags);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return command.error(`error: ${error.message}`);
  }
}
