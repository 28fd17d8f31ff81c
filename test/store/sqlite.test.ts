import { storeConformance } from './conformance.ts';
import { storeModel } from './model.ts';
import { openStore } from './sqlite/scratch.ts';

storeConformance('SqliteStore', openStore);
storeModel('SqliteStore', openStore);
