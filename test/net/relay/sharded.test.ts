// All that holds for a relay holds for one of two shards, where each other connection is in the other one.

import { shardRelays } from './scene.ts';

shardRelays(2);
await import('./authentication.test.ts');
await import('./failures.test.ts');
await import('./faults.test.ts');
await import('./forwarding.test.ts');
await import('./hostile.test.ts');
await import('./sessions.test.ts');
await import('./vectors.test.ts');
