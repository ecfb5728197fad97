import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { createAnswer, createOffer } from '../../index.ts';

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<void>;

test('the example of offer and answer in the README runs, and prints what came', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, example = ''] = /## Offer and answer.*?```ts\n(.*?)```/s.exec(readme) ?? [];
  // Node 20 has no `await using` of its own: the test disposes by hand, in the same order.
  const names = [...example.matchAll(/await using (\w+)/g)].map(([, name]) => name).toReversed();
  const body = example.replace(/^import .*$/m, '').replaceAll('await using', 'const');
  const disposal = names.map((name) => `await ${name}[Symbol.asyncDispose]();`).join('\n');
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await new AsyncFunction('createAnswer', 'createOffer', body + disposal)(createAnswer, createOffer);
  expect(log.mock.calls).toEqual([['hello']]);
  log.mockRestore();
});
