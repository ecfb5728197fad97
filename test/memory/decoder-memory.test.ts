import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('../../dist/test/memory/endless-chunk.js', import.meta.url));

test('a chunk of 4 GiB through a decoder whose sink keeps nothing takes no more memory than its first 64 MiB', {
  timeout: 120_000,
}, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--max-old-space-size=64',
    '--expose-gc',
    program,
    '4096',
  ]);
  const { seen, atFirst, atEnd } = JSON.parse(stdout) as Record<'seen' | 'atFirst' | 'atEnd', number>;
  expect(seen).toBe(4096 * 1_048_576);
  expect(atEnd - atFirst).toBeLessThan(16 * 1024);
});
