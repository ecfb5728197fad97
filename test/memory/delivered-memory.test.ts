import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('../../dist/test/memory/delivered.js', import.meta.url));

test('of 900 messages that were delivered a session keeps their ids, not their heads', {
  timeout: 60_000,
}, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program, '900']);
  const { held } = JSON.parse(stdout) as Record<'held', number>;
  // The heads alone are 27 MB at either end.
  expect(held).toBeLessThan(8 * 1_048_576);
});
