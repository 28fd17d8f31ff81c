import { Command, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { type Flags, flagOf, type SettingName, settings } from '../config.ts';
import { drillCommand } from './drill/command.ts';
import { migrate, run } from './run.ts';

const program = new Command('punctual')
  .description('A durable webhook timer service: it calls a URL at the time you say.')
  .version(packageJson.version)
  .addHelpText('after', '\nTry: punctual serve, then open the address that it prints. Settings: punctual serve --help');

const options = (Object.keys(settings) as SettingName[]).map((name) => {
  const { env, meaning, defaultText, allowed } = settings[name];
  const help = `${meaning} Allowed: ${allowed}. Default: ${defaultText}. [${env}]`;
  return { name, option: new Option(`--${flagOf(name)} <value>`, help) };
});

const commands: readonly { name: string; description: string; action: (flags: Flags) => Promise<void> }[] = [
  {
    name: 'serve',
    description: 'run the API and the controller in one process',
    action: (flags) => run('serve', flags),
  },
  {
    name: 'api',
    description: 'run the API alone, on a database server; as many as you like',
    action: (flags) => run('api', flags),
  },
  {
    name: 'controller',
    description: 'run the controller alone, which fires the timers of a database server; as many as you like',
    action: (flags) => run('controller', flags),
  },
  {
    name: 'migrate',
    description: 'make the databases and their tables where they are missing, bring them up to date, and end',
    action: migrate,
  },
];

for (const { name, description, action } of commands) {
  const command = program
    .command(name)
    .description(description)
    .addHelpText(
      'after',
      '\nEvery setting can be given by its flag or by the environment variable in brackets; the flag wins.',
    )
    .action((given: Record<string, string>) =>
      action(Object.fromEntries(options.map(({ name, option }) => [name, given[option.attributeName()]]))),
    );
  for (const { option } of options) command.addOption(option);
}

program.addCommand(drillCommand());

await program.parseAsync();
