import { Command, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { flagOf, type SettingName, settings } from '../config.ts';
import { serve } from './serve.ts';

const program = new Command('punctual')
  .description('A durable webhook timer service: it calls a URL at the time you say.')
  .version(packageJson.version)
  .addHelpText('after', '\nTry: punctual serve, then open the address that it prints. Settings: punctual serve --help');

const options = (Object.keys(settings) as SettingName[]).map((name) => {
  const { env, meaning, defaultText, allowed } = settings[name];
  const help = `${meaning} Allowed: ${allowed}. Default: ${defaultText}. [${env}]`;
  return { name, option: new Option(`--${flagOf(name)} <value>`, help) };
});

const serveCommand = program
  .command('serve')
  .description('run the API and the controller in one process, on the embedded store')
  .addHelpText(
    'after',
    '\nEvery setting can be given by its flag or by the environment variable in brackets; the flag wins.',
  )
  .action((given: Record<string, string>) =>
    serve(Object.fromEntries(options.map(({ name, option }) => [name, given[option.attributeName()]]))),
  );
for (const { option } of options) serveCommand.addOption(option);

await program.parseAsync();
