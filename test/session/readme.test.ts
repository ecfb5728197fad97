import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import * as msrp from '../../index.ts';

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<void>;

test('the example of the README runs, and prints what came', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, example = ''] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  // Node 20 has no `await using` of its own: the test disposes by hand, in the same order.
  const names = [...example.matchAll(/await using (\w+)/g)].map(([, name]) => name).toReversed();
  const body = example.replace(/^import .*$/m, '').replaceAll('await using', 'const');
  const disposal = names.map((name) => `await ${name}[Symbol.asyncDispose]();`).join('\n');
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const { AcceptorDirect, ConnectorDirect, MSRPSession } = msrp;
  await new AsyncFunction('AcceptorDirect', 'ConnectorDirect', 'MSRPSession', body + disposal)(
    AcceptorDirect,
    ConnectorDirect,
    MSRPSession,
  );
  expect(log.mock.calls).toEqual([['text/plain', 'hello']]);
  log.mockRestore();
});
