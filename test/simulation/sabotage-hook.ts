// Loaded with --import: what the variable SABOTAGE names is done to the source as it is loaded.
import { registerHooks } from 'node:module';
import { sabotages } from './sabotages.ts';

const { file, find, put } = sabotages[process.env.SABOTAGE ?? ''] ?? {};
if (file === undefined || find === undefined || put === undefined)
  throw new Error(`there is no sabotage "${process.env.SABOTAGE}"`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/src/${file}`)) return loaded;
    const parts = String(Buffer.from(loaded.source as Uint8Array)).split(find);
    if (parts.length !== 2) throw new Error(`"${find}" occurs ${parts.length - 1} times in ${file}`);
    return { ...loaded, source: parts.join(put) };
  },
});
