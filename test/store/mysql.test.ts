import { storeConformance } from './conformance.ts';
import { storeModel } from './model.ts';
import { openStore, unavailable } from './mysql/scratch.ts';

storeConformance('MysqlStore', openStore, 'one', unavailable);
if (!unavailable) storeModel('MysqlStore', openStore);
storeConformance(
  'MysqlStore with four buckets',
  (context, options) => openStore(context, { ...options, buckets: 4 }),
  'several',
  unavailable,
);
