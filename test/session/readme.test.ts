import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import * as msrp from '../../index.ts';

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<void>;

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const examples = Array.from(readme.matchAll(/```ts\n(.*?)```/gs), ([, example = '']) => example);

/** What each prints, in the order of the README. */
const printed: [string, string[][]][] = [
  ['sessions', [['text/plain', 'hello']]],
  ['payloads', [['Alice', 'text/plain;charset=utf-8', 'hello'], ['delivered']]],
  ['offer and answer', [['hello']]],
  ['files', [['package.json']]],
];

test.each(printed)('the example of the README for %s runs, and prints what came', async (name, lines) => {
  const example = examples[printed.findIndex(([each]) => each === name)] ?? '';
  // Node 20 has no `await using` of its own: the test disposes by hand, in the same order.
  const names = [...example.matchAll(/await using (\w+)/g)].map(([, using]) => using).toReversed();
  const body = example
    .replaceAll(/^import (.*) from '(.*)';$/gm, "const $1 = await load('$2');")
    .replaceAll('await using', 'const');
  const disposal = names.map((using) => `await ${using}[Symbol.asyncDispose]();`).join('\n');
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const load = (from: string): unknown => (from === 'msrp' ? msrp : import(from));
  await new AsyncFunction('load', body + disposal)(load);
  expect(log.mock.calls).toEqual(lines);
  log.mockRestore();
});

test('each example of the README is run', () => {
  expect(examples.length).toBe(printed.length);
});
